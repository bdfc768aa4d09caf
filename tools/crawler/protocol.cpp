#include "tools/crawler/protocol.hpp"

#include <algorithm>
#include <limits>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tools/crawler/url.hpp"

namespace crawler {
namespace json = boost::json;
namespace {

// Bytes of each text field of a result but the URL. Together with it, and with every byte escaped to
// six, they stay below pool::max_header.
constexpr std::size_t max_type = 256, max_title = 1000, max_detail = 500;
constexpr std::size_t max_inbox = 4096, max_word = 32;
// The names and the numbers take less than the rest.
static_assert(6 * (max_url + 2 * max_type + max_title + max_detail + 2 * max_word) + 1024 <
              pool::max_header);
constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();

/// The length of the well-formed UTF-8 sequence that `text` begins with, 0 if there is none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  if (text.empty()) return 0;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  // The second byte's range is what excludes overlong forms, surrogates and all above U+10FFFF:
  // Unicode, table 3-7.
  std::size_t length = 0;
  unsigned char least = 0x80, most = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) least = 0xa0;
    if (lead == 0xed) most = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) least = 0x90;
    if (lead == 0xf4) most = 0x8f;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (std::size_t at = 1; at != length; ++at, least = 0x80, most = 0xbf)
    if (byte(at) < least || byte(at) > most) return 0;
  return length;
}

/// `text` as UTF-8 of at most `most` bytes: what is not well-formed becomes U+FFFD.
std::string clean(std::string_view text, std::size_t most) {
  std::string kept;
  while (!text.empty()) {
    const std::size_t length = sequence(text);
    const std::string_view next = length != 0 ? text.substr(0, length) : "\xef\xbf\xbd";
    if (next.size() > most - kept.size()) break;
    kept += next;
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return kept;
}

/// Reads the members of one object and keeps the first complaint.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  std::uint64_t number(std::string_view key, std::uint64_t least, std::uint64_t most,
                       std::uint64_t missing) {
    const json::value* value = object_.if_contains(key);
    if (value == nullptr) return missing;
    json::error_code error;
    const auto number = value->to_number<std::uint64_t>(error);
    if (error || value->is_double() || number < least || number > most) {
      complain(key, "is not a whole number in its range");
      return missing;
    }
    return number;
  }

  std::string text(std::string_view key, std::size_t most) {
    const json::value* value = object_.if_contains(key);
    if (value == nullptr) return {};
    if (!value->is_string()) {
      complain(key, "is not a string");
      return {};
    }
    const json::string& text = value->get_string();
    if (text.size() > most) {
      complain(key, "is longer than " + std::to_string(most) + " bytes");
      return {};
    }
    return std::string(text);
  }

  void require(std::string_view key) {
    if (!object_.contains(key)) complain(key, "is missing");
  }
  void complain(std::string_view key, std::string_view what) {
    if (problem_.empty()) problem_.append(key).append(" ").append(what);
  }
  const std::string& problem() const { return problem_; }

 private:
  const json::object& object_;
  std::string problem_;
};

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= max_word &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Page read_members(Members& members, std::size_t field_limit) {
  const auto at_most = [&](std::size_t own) { return std::max(own, field_limit); };
  Page page;
  members.require("status");
  const std::string status = members.text("status", max_word);
  if (status == to_string(Fate::ok))
    page.status = Fate::ok;
  else if (status == to_string(Fate::failed))
    page.status = Fate::failed;
  else if (status == to_string(Fate::pending))
    page.status = Fate::pending;
  else
    members.complain("status", "is unknown");
  page.final_url = members.text("final_url", at_most(max_url));
  page.http_status = members.number("http_status", 0, 599, 0);
  page.content_type = members.text("content_type", at_most(max_type));
  page.charset = members.text("charset", at_most(max_type));
  page.title = members.text("title", at_most(max_title));
  page.error = members.text("error", max_word);
  page.detail = members.text("detail", at_most(max_detail));
  page.milliseconds = members.number("ms", 0, any, 0);
  if (page.status == Fate::ok && !page.error.empty())
    members.complain("error", "is set although status is ok");
  if (page.status != Fate::ok && !is_word(page.error))
    members.complain("error", "is not one word of a-z, 0-9 and '-'");
  return page;
}

void write_members(const Page& page, json::object& object) {
  object["status"] = to_string(page.status);
  const auto put = [&](const char* key, const std::string& value, std::size_t most) {
    if (!value.empty()) object[key] = clean(value, most);
  };
  put("error", page.error, max_word);
  put("detail", page.detail, max_detail);
  put("final_url", page.final_url, max_url);
  if (page.http_status != 0) object["http_status"] = page.http_status;
  put("content_type", page.content_type, max_type);
  put("charset", page.charset, max_type);
  put("title", page.title, max_title);
  object["ms"] = page.milliseconds;
}

}  // namespace

std::string_view to_string(Fate fate) {
  switch (fate) {
    case Fate::ok:
      return "ok";
    case Fate::failed:
      return "failed";
    case Fate::pending:
      return "pending";
  }
  return "?";
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

json::object write_hello(const Hello& hello) {
  json::object about{{"slots", hello.slots}, {"inbox", hello.inbox}};
  if (hello.pid != 0) about["pid"] = hello.pid;
  return about;
}

Read<Hello> read_hello(const json::object& about) {
  Members members(about);
  Hello hello;
  hello.pid = static_cast<std::int64_t>(
      members.number("pid", 1, std::numeric_limits<std::int32_t>::max(), 0));
  hello.slots = members.number("slots", 1, 1024, 1);
  hello.inbox = members.text("inbox", max_inbox);
  if (hello.inbox.find('\0') != std::string::npos) members.complain("inbox", "has a NUL byte");
  if (!members.problem().empty()) return {{}, members.problem()};
  return {std::move(hello)};
}

json::object write_page(const Page& page) {
  json::object about;
  write_members(page, about);
  return about;
}

Read<Page> read_page(const json::object& about, ipc::Bytes body) {
  Members members(about);
  Page page = read_members(members, 0);
  if (page.status == Fate::pending)
    members.complain("status", "is pending: not for a worker to say");
  const std::string_view text = pool::as_text(body);
  if (!is_utf8(text)) members.complain("the text", "is not UTF-8");
  if (!members.problem().empty()) return {{}, members.problem()};
  page.text = text;
  return {std::move(page)};
}

std::string write_line(const Outcome& outcome) {
  json::object line;
  line["url"] = clean(outcome.url, outcome.url.size() * 3);  // a client may write any bytes
  write_members(outcome.page, line);
  if (outcome.worker != 0) line["worker"] = outcome.worker;
  if (outcome.attempt != 0) line["attempt"] = outcome.attempt;
  if (outcome.page.status == Fate::ok) line["text"] = outcome.page.text;
  return json::serialize(line) + "\n";
}

Read<Outcome> read_line(std::string_view text) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  json::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error) return {{}, "not JSON: " + error.message()};
  const json::object* line = parsed.if_object();
  if (line == nullptr) return {{}, "not a JSON object"};
  Members members(*line);
  Outcome outcome;
  members.require("url");
  outcome.url = members.text("url", any);
  outcome.page = read_members(members, any);
  outcome.page.text = members.text("text", any);
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  outcome.worker = static_cast<std::uint32_t>(members.number("worker", 0, most, 0));
  outcome.attempt = static_cast<std::uint32_t>(members.number("attempt", 0, most, 0));
  if (!members.problem().empty()) return {{}, members.problem()};
  return {std::move(outcome)};
}

}  // namespace crawler
