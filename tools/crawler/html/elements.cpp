#include "tools/crawler/html/elements.hpp"

#include <array>
#include <cstddef>

namespace crawler::html {

namespace {

constexpr Element inline_text(std::string_view name, Tag tag = Tag::other) {
  return {name, tag};
}
constexpr Element flow(std::string_view name, Flow flow, Tag tag = Tag::other) {
  return {name, tag, flow};
}
constexpr Element block(std::string_view name) {
  return flow(name, Flow::block);
}
constexpr Element hidden(std::string_view name, ContentModel model, Tag tag = Tag::other) {
  return {name, tag, Flow::inline_text, model, true};
}
constexpr Element preformatted(std::string_view name, Flow flow, ContentModel model,
                               bool drops_line_feed) {
  return {name, Tag::other, flow, model, false, true, drops_line_feed};
}
constexpr Element leaving(Element element) {
  element.leaves_foreign = true;
  return element;
}

constexpr ContentModel data = ContentModel::data;
constexpr ContentModel rawtext = ContentModel::rawtext;

// Not here although browsers hide them: rp, which is made for readers without ruby layout such as
// ours, and the fallbacks of audio, video, canvas and object, which may be all the text there is.
constexpr Element elements[] = {
    inline_text("a", Tag::a),
    block("address"),
    inline_text("annotation", Tag::annotation),
    inline_text("annotation-xml", Tag::annotation_xml),
    inline_text("area", Tag::area),
    block("article"),
    block("aside"),
    leaving(inline_text("b")),
    inline_text("base", Tag::base),
    leaving(inline_text("big")),
    leaving(block("blockquote")),
    leaving(block("body")),
    leaving(flow("br", Flow::line_break, Tag::br)),
    flow("caption", Flow::row),
    leaving(block("center")),
    leaving(inline_text("code")),
    hidden("datalist", data),
    leaving(block("dd")),
    inline_text("desc", Tag::desc),
    block("details"),
    block("dialog"),
    block("dir"),
    leaving(block("div")),
    leaving(block("dl")),
    leaving(block("dt")),
    leaving(inline_text("em")),
    leaving(inline_text("embed")),
    block("fieldset"),
    block("figcaption"),
    block("figure"),
    block("footer"),
    inline_text("foreignobject", Tag::foreign_object),
    block("form"),
    leaving(block("h1")),
    leaving(block("h2")),
    leaving(block("h3")),
    leaving(block("h4")),
    leaving(block("h5")),
    leaving(block("h6")),
    leaving(block("head")),
    block("header"),
    block("hgroup"),
    leaving(block("hr")),
    flow("html", Flow::block, Tag::html),
    leaving(inline_text("i")),
    hidden("iframe", rawtext),
    leaving(inline_text("img", Tag::img)),
    block("legend"),
    leaving(block("li")),
    leaving(preformatted("listing", Flow::block, data, true)),
    block("main"),
    inline_text("math", Tag::math),
    leaving(block("menu")),
    leaving(inline_text("meta")),
    inline_text("mi", Tag::token),
    inline_text("mn", Tag::token),
    inline_text("mo", Tag::token),
    inline_text("ms", Tag::token),
    inline_text("mtext", Tag::token),
    block("nav"),
    leaving(inline_text("nobr")),
    hidden("noembed", rawtext),
    hidden("noframes", rawtext),
    hidden("noscript", rawtext, Tag::noscript),
    leaving(block("ol")),
    block("optgroup"),
    block("option"),
    leaving(flow("p", Flow::paragraph, Tag::p)),
    preformatted("plaintext", Flow::block, ContentModel::plaintext, false),
    leaving(preformatted("pre", Flow::block, data, true)),
    leaving(inline_text("ruby")),
    leaving(inline_text("s")),
    hidden("script", ContentModel::script, Tag::script),
    block("search"),
    block("section"),
    block("select"),
    leaving(inline_text("small")),
    leaving(inline_text("span")),
    leaving(inline_text("strong")),
    leaving(inline_text("strike")),
    hidden("style", rawtext, Tag::style),
    leaving(inline_text("sub")),
    block("summary"),
    leaving(inline_text("sup")),
    inline_text("svg", Tag::svg),
    leaving(flow("table", Flow::row)),
    flow("tbody", Flow::row),
    flow("td", Flow::cell),
    hidden("template", data),
    inline_text("text", Tag::text),
    preformatted("textarea", Flow::inline_text, ContentModel::rcdata, true),
    flow("tfoot", Flow::row),
    flow("th", Flow::cell),
    flow("thead", Flow::row),
    hidden("title", ContentModel::rcdata, Tag::title),
    flow("tr", Flow::row),
    leaving(inline_text("tt")),
    leaving(inline_text("u")),
    leaving(block("ul")),
    leaving(inline_text("var")),
    preformatted("xmp", Flow::block, rawtext, false),
};

// A name as two words, which together with its length tell it from every other of at most 16 bytes: its
// first eight bytes and its last, or four, or what there is. Comparing them costs two instructions.
struct Key {
  std::uint64_t head = 0;
  std::uint64_t tail = 0;
  std::size_t size = 0;

  bool operator==(const Key&) const = default;
};

constexpr std::uint64_t byte_at(const char* p, unsigned i) {
  return std::uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
}
// Written out, for the compiler makes one load of each.
constexpr std::uint64_t load4(const char* p) {
  return byte_at(p, 0) | byte_at(p, 1) | byte_at(p, 2) | byte_at(p, 3);
}
constexpr std::uint64_t load8(const char* p) {
  return load4(p) | byte_at(p, 4) | byte_at(p, 5) | byte_at(p, 6) | byte_at(p, 7);
}

constexpr Key make_key(std::string_view name) {
  const char* p = name.data();
  std::size_t size = name.size();
  if (size >= 8) return {load8(p), load8(p + size - 8), size};
  if (size >= 4) return {load4(p), load4(p + size - 4), size};
  if (size == 0) return {};
  return {byte_at(p, 0), byte_at(p + size / 2, 0) << 8 | byte_at(p + size - 1, 0), size};
}

constexpr std::size_t bucket_bits = 9;
constexpr std::size_t buckets = std::size_t{1} << bucket_bits;

constexpr std::size_t hash(const Key& key) {
  std::uint64_t mixed = (key.head ^ key.tail << 7 ^ key.size << 3) * 0x9E3779B97F4A7C15U;
  return mixed >> (64 - bucket_bits);
}

// Open addressing: a name that is not known meets an empty bucket soon, most often at once.
struct Bucket {
  Key key;
  std::uint8_t index = 0;  // 1 + index into elements; 0 when the bucket is empty
};

constexpr auto table = [] {
  std::array<Bucket, buckets> made{};
  for (std::size_t i = 0; i < std::size(elements); ++i) {
    Key key = make_key(elements[i].name);
    std::size_t at = hash(key);
    while (made[at].index != 0) at = (at + 1) % buckets;
    made[at] = {key, static_cast<std::uint8_t>(i + 1)};
  }
  return made;
}();

constexpr Element unknown{};

}  // namespace

const Element& find_element(std::string_view name) {
  if (name.size() > longest_element_name) return unknown;
  Key key = make_key(name);
  for (std::size_t at = hash(key); table[at].index != 0; at = (at + 1) % buckets) {
    if (table[at].key == key) return elements[table[at].index - 1];
  }
  return unknown;
}

}  // namespace crawler::html
