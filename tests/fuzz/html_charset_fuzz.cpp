// From bytes and header to text: whatever comes in, valid UTF-8 comes out, of a bounded size; and the
// pieces that decode hands over are valid one by one.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/crawler/charset.hpp"
#include "tools/crawler/charset/decode.hpp"
#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/extract.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

// The first byte chooses the encoding to decode from, the second how long the header is that follows.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static constexpr unsigned encodings = static_cast<unsigned>(crawler::Encoding::replacement) + 1;
  auto encoding = static_cast<crawler::Encoding>(data[0] % encodings);
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::string_view header = rest.substr(0, data[1]);
  std::string_view body = rest.substr(header.size());

  std::string decoded;
  crawler::decode(body, encoding, [&](std::string_view piece) {
    require(!piece.empty() && crawler::is_valid_utf8(piece));
    decoded += piece;
    return true;
  });
  require(decoded.size() <= 3 * body.size() + 16);
  if (encoding == crawler::Encoding::utf_8 && crawler::is_valid_utf8(body))
    require(decoded == body);

  crawler::ExtractOptions options;
  options.max_links = 10;
  crawler::Text text = crawler::extract_text(body, header, options);
  require(crawler::is_valid_utf8(text.text) && crawler::is_valid_utf8(text.title) &&
          crawler::is_valid_utf8(text.language));
  for (const std::string& link : text.links) require(crawler::is_valid_utf8(link));
  require(!text.charset.empty() && !text.charset_source.empty());
  return 0;
}
