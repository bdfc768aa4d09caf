// The text of a page: however the input is cut, the same text comes out, within its limit, valid
// UTF-8 if the input is, without a control character and without white space around it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tools/crawler/charset/utf8.hpp"
#include "tools/crawler/html/text_sink.hpp"

namespace {

using crawler::html::PageText;
using crawler::html::TextOptions;

PageText read(std::string_view input, const TextOptions& options, std::size_t piece) {
  crawler::html::TextSink sink(options);
  crawler::html::Tokenizer tokenizer(sink);
  for (std::size_t i = 0; i < input.size(); i += piece) tokenizer.feed(input.substr(i, piece));
  tokenizer.finish();
  return sink.take();
}

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_kept(char c) {
  return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  TextOptions options;
  options.max_links = data[0] & 7U;
  options.keeps_alt = (data[0] & 8U) != 0;
  options.keeps_noscript = (data[0] & 16U) != 0;
  if ((data[0] & 32U) != 0) options.max_text = data[1];
  std::string_view input(reinterpret_cast<const char*>(data) + 2, size - 2);

  PageText whole = read(input, options, size);
  require(whole.text.size() <= options.max_text);
  require(whole.links.size() <= options.max_links);
  for (char c : whole.text) require(is_kept(c));
  if (!whole.text.empty()) {
    require(whole.text.back() != ' ' && whole.text.back() != '\n' && whole.text.front() != '\n');
  }
  if (crawler::is_valid_utf8(input)) {
    require(crawler::is_valid_utf8(whole.text) && crawler::is_valid_utf8(whole.title));
  }
  for (std::size_t piece : {std::size_t{1}, std::size_t{3}}) {
    PageText cut = read(input, options, piece);
    require(cut.text == whole.text && cut.title == whole.title && cut.links == whole.links &&
            cut.language == whole.language && cut.base == whole.base);
  }
  return 0;
}
