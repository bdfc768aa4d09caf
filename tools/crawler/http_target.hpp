// The parts of an HTTP request that need a careful look: its target, and whom it believes to address.
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace crawler {

/// "/text?url=http%3A%2F%2Fexample.org%2F" taken apart.
struct Target {
  std::string path;   ///< As written, up to the first '?'.
  std::string query;  ///< As written, after it.

  /// The value of the parameter "url"; nothing if there is none or if it is badly encoded. Browsers
  /// and libraries percent-encode it, and then it is decoded. Typed by hand it is a URL as it stands,
  /// with '&' and '%' of its own: one that shows its "://" runs to the target's end, undecoded.
  std::optional<std::string> url() const;
};
Target parse_target(std::string_view target);

/// What each %XX stands for; nothing if one is broken.
std::optional<std::string> percent_decode(std::string_view text);

/// Whether a Host header, or the host of an Origin, is this machine's loopback. A web page can make a
/// browser send requests here under any name that its author points to 127.0.0.1 ("DNS rebinding");
/// the header then shows that name.
bool is_loopback_host(std::string_view host);
/// Whether an Origin header, "" if there is none, is no foreign page's.
bool is_own_origin(std::string_view origin);

}  // namespace crawler
