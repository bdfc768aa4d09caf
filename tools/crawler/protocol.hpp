// What master, workers and clients tell each other, over the envelopes of pool/envelope.hpp and
// over the front door.
//
//   hello    about: pid, slots, inbox (where the master reaches the worker)
//   task     body: the URL
//   result   about: the members of Page but its text; body: the text, UTF-8
//
// A result by hand, the answer to the task in pool/envelope.hpp:
//
//     {"v":1,"run":"9f86d081884c7d65","type":"result","slot":2,"generation":1,"task":17,"attempt":1,
//      "about":{"status":"ok","http_status":200,"content_type":"text/html","charset":"utf-8"}}
//     Example Domain …
//
// (one line each). A client gets one JSON object per line and page: write_line().
//
// What arrives is never trusted: each reader checks every field, and says what is wrong. Pure
// functions, usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/crawler/limits.hpp"
#include "tools/pool/envelope.hpp"

namespace crawler {

/// A worker's first words.
struct Hello {
  std::int64_t pid = 0;     ///< As it says itself; 0 if it does not.
  std::uint64_t slots = 1;  ///< How many tasks it works on at once, 1 to 1024.
  std::string inbox;        ///< The address of its receiver; "" for an inherited one.
};

/// How a URL ended.
enum class Fate {
  ok,       ///< Downloaded; `text` is its text.
  failed,   ///< Never will be; `error` says why.
  pending,  ///< Not done when the daemon stopped; ask again.
};
std::string_view to_string(Fate);

/// What became of one URL. A worker knows `ok` and `failed` only.
struct Page {
  Fate status = Fate::failed;
  std::string final_url;          ///< After redirects; "" if the same or never reached.
  std::uint64_t http_status = 0;  ///< 100 to 599, 0 if there was no answer.
  std::string content_type;       ///< As the server sent it.
  std::string charset;            ///< What the body was decoded from, as the WHATWG names it.
  std::string title;
  std::string error;   ///< With failed: one word of a-z, 0-9 and '-', at most 32 bytes. Else "".
  std::string detail;  ///< The same for people, one line.
  std::uint64_t milliseconds = 0;  ///< From the start of the download to the text.
  std::string text;                ///< UTF-8.
};

/// A Page and how it came about: what a client is told.
struct Outcome {
  std::string url;  ///< As the client wrote it.
  Page page;
  std::uint32_t worker = 0;   ///< The slot that did it, from 1; 0 if none.
  std::uint32_t attempt = 0;  ///< 1 unless workers died over it; 0 if none tried.
};

/// Error words that the master uses; a worker has its own, one for each of its limits.
namespace word {
inline constexpr std::string_view bad_url = "bad-url";    ///< Malformed, or neither http nor https.
inline constexpr std::string_view poison = "poison";      ///< Three workers died over it alone.
inline constexpr std::string_view attempts = "attempts";  ///< 50 workers died with it.
inline constexpr std::string_view stopped = "stopped";    ///< With pending: the daemon stopped.
}  // namespace word

/// A value, or one line about what is wrong.
template <class Value>
struct Read {
  std::optional<Value> value{};
  std::string problem{};
  explicit operator bool() const { return value.has_value(); }
};

boost::json::object write_hello(const Hello&);
Read<Hello> read_hello(const boost::json::object& about);

/// `about` of a result; its body is page.text. Text fields are cut so that the header always fits.
boost::json::object write_page(const Page&);
/// Reads a result's `about` and body. Text that is not UTF-8 is a problem.
Read<Page> read_page(const boost::json::object& about, ipc::Bytes body);

/// One line of JSON with a final newline.
std::string write_line(const Outcome&);
Read<Outcome> read_line(std::string_view line);

/// Well-formed UTF-8 as RFC 3629 says: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace crawler
