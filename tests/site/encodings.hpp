// How the demo site writes a page down: in a character set, and compressed as asked. Pure
// functions.
#pragma once

#include <string>
#include <string_view>

namespace site {

/// UTF-8 in another character set, named as iconv(1) does. Throws std::runtime_error for an unknown
/// set and for a character that it lacks: the site's texts are chosen to fit.
std::string in_charset(std::string_view utf8, const char* charset);

/// A gzip file (RFC 1952) of these bytes.
std::string gzip(std::string_view bytes);

/// A brotli stream (RFC 7932) of these bytes in stored blocks: valid for every decoder, but no
/// smaller, which spares the site a dependency.
std::string brotli(std::string_view bytes);

/// The parts of a gzip stream that unpacks to 1 MiB of HTML for each copy of `again` (some KiB)
/// and has no end of its own.
struct Bomb {
  std::string head;
  std::string again;
};
Bomb gzip_bomb();

}  // namespace site
