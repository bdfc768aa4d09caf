#include "tools/pool/envelope.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>
#include <system_error>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace pool {
namespace json = boost::json;
namespace {

constexpr int version = 1;
constexpr std::array types{Type::hello, Type::task, Type::result,
                           Type::ping,  Type::pong, Type::stop};
// Enough for every header of ours; a deeper one only costs its reader stack.
constexpr std::size_t max_depth = 8;

bool is_about_a_task(Type type) {
  return type == Type::task || type == Type::result;
}

/// A whole number in [least, most], however it is written: Boost.JSON keeps a small one as signed.
std::optional<std::uint64_t> whole(const json::object& header, std::string_view key,
                                   std::uint64_t least, std::uint64_t most) {
  const json::value* value = header.if_contains(key);
  if (value == nullptr) return {};
  std::uint64_t number = 0;
  if (const auto* positive = value->if_uint64())
    number = *positive;
  else if (const auto* number_signed = value->if_int64(); number_signed && *number_signed >= 0)
    number = static_cast<std::uint64_t>(*number_signed);
  else
    return {};
  if (number < least || number > most) return {};
  return number;
}

std::optional<std::string_view> word(const json::object& header, std::string_view key) {
  const json::value* value = header.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return std::string_view(value->get_string());
}

Decoded wrong(std::string problem) {
  return {{}, std::move(problem)};
}

}  // namespace

std::string_view to_string(Type type) {
  switch (type) {
    case Type::hello:
      return "hello";
    case Type::task:
      return "task";
    case Type::result:
      return "result";
    case Type::ping:
      return "ping";
    case Type::pong:
      return "pong";
    case Type::stop:
      return "stop";
  }
  return "?";
}

std::string to_text(RunId run) {
  std::string text(16, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, run >>= 4)
    *digit = "0123456789abcdef"[run & 15];
  return text;
}

std::optional<RunId> parse_run(std::string_view text) {
  if (text.size() != 16) return {};
  RunId run = 0;
  for (const char c : text) {
    const auto digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    run = run << 4 | digit;
  }
  return run;
}

RunId random_run() {
  RunId run = 0;
  // Up to 256 bytes come whole or not at all, and only before the pool is seeded can it fail:
  // getrandom(2).
  if (::getrandom(&run, sizeof run, 0) != sizeof run)
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return run;
}

std::vector<std::byte> encode(const Envelope& envelope) {
  json::object header;
  header["v"] = version;
  header["run"] = to_text(envelope.run);
  header["type"] = to_string(envelope.type);
  if (envelope.slot != 0) {
    header["slot"] = envelope.slot;
    header["generation"] = envelope.generation;
  }
  if (is_about_a_task(envelope.type)) {
    header["task"] = envelope.task;
    header["attempt"] = envelope.attempt;
  }
  if (!envelope.about.empty()) header["about"] = envelope.about;
  const std::string line = json::serialize(header);
  if (line.size() > max_header)
    throw std::length_error("a header of " + std::to_string(line.size()) + " bytes; the limit is " +
                            std::to_string(max_header));
  std::vector<std::byte> message;
  message.reserve(line.size() + 1 + envelope.body.size());
  const auto put = [&](ipc::Bytes bytes) {
    message.insert(message.end(), bytes.begin(), bytes.end());
  };
  put(as_bytes(line));
  message.push_back(std::byte{'\n'});
  put(envelope.body);
  return message;
}

Decoded decode(ipc::Bytes message) {
  const auto searched = message.first(std::min(message.size(), max_header + 1));
  const auto newline = std::find(searched.begin(), searched.end(), std::byte{'\n'});
  if (newline == searched.end())
    return wrong("no header line in the first " + std::to_string(searched.size()) + " bytes");
  const auto length = static_cast<std::size_t>(newline - searched.begin());

  json::parse_options options;
  options.max_depth = max_depth;
  json::error_code error;
  const json::value parsed = json::parse(as_text(message.first(length)), error, {}, options);
  if (error) return wrong("the header is not JSON: " + error.message());
  const json::object* header = parsed.if_object();
  if (header == nullptr) return wrong("the header is not a JSON object");

  if (!whole(*header, "v", version, version)) return wrong("v is not " + std::to_string(version));
  Envelope envelope;
  const auto run_word = word(*header, "run");
  const auto run = run_word ? parse_run(*run_word) : std::nullopt;
  if (!run) return wrong("run is not 16 hexadecimal digits");
  envelope.run = *run;

  const auto name = word(*header, "type");
  const auto type = std::find_if(types.begin(), types.end(),
                                 [&](Type each) { return name && to_string(each) == *name; });
  if (type == types.end()) return wrong("type is unknown");
  envelope.type = *type;

  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  if (header->contains("slot") || header->contains("generation") || *type != Type::hello) {
    const auto slot = whole(*header, "slot", 1, most);
    if (!slot) return wrong("slot is not a number from 1");
    const auto generation = whole(*header, "generation", 1, most);
    if (!generation) return wrong("generation is not a number from 1");
    envelope.slot = static_cast<std::uint32_t>(*slot);
    envelope.generation = static_cast<std::uint32_t>(*generation);
  }
  if (is_about_a_task(*type)) {
    const auto task = whole(*header, "task", 1, std::numeric_limits<std::uint64_t>::max());
    if (!task) return wrong("task is not a number from 1");
    const auto attempt = whole(*header, "attempt", 1, most);
    if (!attempt) return wrong("attempt is not a number from 1");
    envelope.task = *task;
    envelope.attempt = static_cast<std::uint32_t>(*attempt);
  }
  if (const json::value* about = header->if_contains("about")) {
    if (!about->is_object()) return wrong("about is not a JSON object");
    envelope.about = about->get_object();
  }
  envelope.body = message.subspan(length + 1);
  return {std::move(envelope)};
}

}  // namespace pool
