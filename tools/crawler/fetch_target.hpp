// Where a download goes, and the errors that can be seen in a URL. Part of fetch; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace crawler {

/// Why a download failed: a word of fetch.hpp's list, and a line for people.
struct Failure {
  std::string word;
  std::string detail;
};

struct FetchTarget {
  std::string url;   ///< Normalised, without its fragment.
  std::string host;  ///< HOST:PORT, the host in lower case; an IPv6 address in brackets.
  bool is_secure = false;

  /// Becomes the target that `text` names, or says why it cannot; url is then `text` itself.
  std::optional<Failure> set(const std::string& text, std::uint64_t max_length);

  /// What a Location header means here; the text itself if that is nothing to be fetched.
  std::string resolve(const std::string& location) const;
};

}  // namespace crawler
