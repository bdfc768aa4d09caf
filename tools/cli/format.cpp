#include "tools/cli/format.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include <boost/json.hpp>

#include "tools/cli/exit.hpp"

namespace tools {
namespace {

void append_hex(std::string& out, unsigned char byte) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

// The length of the UTF-8 sequence at the front of `text`, or 0 if there is none: overlong forms,
// surrogates and what lies beyond U+10FFFF are not UTF-8 (RFC 3629, section 4).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

// How many bytes at the front of `text` are one character that can be shown; 0 for a byte that has
// to be escaped. C1 controls, U+0080 to U+009F, are two bytes in UTF-8 and steer some terminals
// too.
std::size_t visible_length(std::string_view text) {
  const std::size_t length = sequence_length(text);
  const unsigned char first = static_cast<unsigned char>(text[0]);
  if (length == 1 && (first < 0x20 || first == 0x7f)) return 0;
  if (length == 2 && first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return 0;
  return length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void append_escaped(std::string& out, char byte) {
  out += "\\x";
  append_hex(out, static_cast<unsigned char>(byte));
}

// As a literal of Python and of bash's $'...' alike; \xNN for all that cannot be seen.
void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view special = "\"\\\n\t\r";
  constexpr std::string_view letters = "\"\\ntr";
  out += '"';
  while (!text.empty()) {
    const std::size_t length = visible_length(text);
    if (const std::size_t i = special.find(text.front()); i != std::string_view::npos)
      (out += '\\') += letters[i];
    else if (length == 0)
      append_escaped(out, text.front());
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

// 2026-11-21T09:00:00.123456Z
std::string timestamp(std::chrono::system_clock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(since - seconds);
  const std::time_t whole = seconds.count();
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 48> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%06dZ",
                static_cast<int>(micros.count()));
  return text.data();
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) append_hex(hex, static_cast<unsigned char>(c));
  return hex;
}

// JSON strings are Unicode: a message that is not goes as "hex" rather than altered.
std::string as_json(std::string_view message, const Arrival& arrival) {
  boost::json::object object;
  object["number"] = arrival.number;
  object["time"] = timestamp(arrival.time);
  object["sender"] = arrival.peer.id;
  if (arrival.peer.pid) object["pid"] = *arrival.peer.pid;
  if (arrival.peer.uid) object["uid"] = *arrival.peer.uid;
  if (!arrival.peer.pid && arrival.peer.claimed_pid)
    object["claimed_pid"] = *arrival.peer.claimed_pid;
  if (is_utf8(message))
    object["message"] = boost::json::string_view(message.data(), message.size());
  else
    object["hex"] = hex_of(message);
  return boost::json::serialize(object);
}

void append_message(std::string& out, const Format& format, std::string_view message) {
  if (format.for_people)
    append_harmless(out, message);
  else
    out += message;
}

void append_pattern(std::string& out, const Format& format, std::string_view message,
                    const Arrival& arrival) {
  const std::string& pattern = format.pattern;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      out += pattern[i];
      continue;
    }
    switch (pattern[++i]) {  // parse_format() has seen to it that something follows
      case 's':
        append_message(out, format, message);
        break;
      case 'p':
        out += process_of(arrival.peer);
        break;
      case 'u':
        out += arrival.peer.uid ? std::to_string(*arrival.peer.uid) : "?";
        break;
      case 't':
        out += timestamp(arrival.time);
        break;
      case 'i':
        out += std::to_string(arrival.number);
        break;
      default:
        out += '%';
    }
  }
}

}  // namespace

Format parse_format(const std::string& text) {
  Format format;
  if (text == "line") return format;
  if (text == "raw") return format.style = Format::Style::raw, format;
  if (text == "quoted") return format.style = Format::Style::quoted, format;
  if (text == "hex") return format.style = Format::Style::hex, format;
  if (text == "json") return format.style = Format::Style::json, format;
  format.style = Format::Style::pattern;
  format.pattern = text;
  for (std::size_t i = text.find('%'); i != std::string::npos; i = text.find('%', i + 2))
    if (i + 1 == text.size() || std::string_view("sputi%").find(text[i + 1]) == std::string::npos)
      throw UsageError("'" + text + "': after % comes s, p, u, t, i or another %");
  if (text.find('%') == std::string::npos)
    throw UsageError("no format '" + text +
                     "'; there are line, raw, quoted, hex, json, and templates like '%i %p: %s'");
  return format;
}

void append(std::string& out, const Format& format, std::string_view message,
            const Arrival& arrival) {
  switch (format.style) {
    case Format::Style::raw:
      out += message;  // who asks for raw bytes on a terminal gets them
      if (format.nul) out += '\0';
      return;
    case Format::Style::line:
      append_message(out, format, message);
      break;
    case Format::Style::quoted:
      append_quoted(out, message);
      break;
    case Format::Style::hex:
      for (const char c : message) append_hex(out, static_cast<unsigned char>(c));
      break;
    case Format::Style::json:
      out += as_json(message, arrival);
      break;
    case Format::Style::pattern:
      append_pattern(out, format, message, arrival);
      break;
  }
  out += format.nul ? '\0' : '\n';
}

void append_json(std::string& out, std::string_view bytes) {
  if (is_utf8(bytes))
    out += boost::json::serialize(boost::json::string_view(bytes.data(), bytes.size()));
  else
    out += R"({"hex":")" + hex_of(bytes) + R"("})";
}

std::string process_of(const ipc::Peer& peer) {
  if (peer.pid) return std::to_string(*peer.pid);
  if (peer.claimed_pid) return std::to_string(*peer.claimed_pid) + " (claimed)";
  return "?";
}

void append_harmless(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = visible_length(text);
    if (length > 0 || text.front() == '\n' || text.front() == '\t')
      out += text.substr(0, std::max<std::size_t>(length, 1));
    else
      append_escaped(out, text.front());
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

}  // namespace tools
