// The tokenizer of the HTML standard (https://html.spec.whatwg.org/ 13.2.5) over UTF-8 bytes.
//
// It builds no tree: whoever wants the text of a page needs the tokens alone, and a tree is what
// makes other parsers quadratic on deep nesting. Four properties follow from how it is written:
//
//   pieces    the input may be cut anywhere, even within a character or between CR and LF, and the
//             same tokens come out; only the pieces in which text is handed over differ
//   memory    constant: nothing of the page is kept. Names, values and comments go to the sink in
//             pieces as they are read, which is why a token is announced before it is known to be
//             whole
//   time      linear: no byte is looked at more than a small, fixed number of times
//   errors    none: every sequence of bytes is a page. Parse errors are not reported
//
// Bytes above 0x7F pass through as they are, so valid UTF-8 in means valid UTF-8 out, once the
// pieces are joined. A tokenizer belongs to one thread at a time.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tools/crawler/html/entities.hpp"
#include "tools/crawler/html/scan.hpp"
#include "tools/crawler/html/states.hpp"

namespace crawler::html {

enum class DoctypeField : std::uint8_t { name, public_identifier, system_identifier };

// What a sink is told. Every string_view is a piece: the parts of one name, value, comment or text
// follow one another and mean what they mean joined. They are valid during the call.
//
//   characters        text with references decoded
//   tag_begin(end)    a start tag, or an end tag if `end`. If the page ends within the tag there is
//   no
//                     tag_end, and the standard wants the tag forgotten
//   tag_name          lower case
//   wants_attributes  asked when the name is complete; false skips the attributes fast and silently
//   attribute_name, attribute_value, attribute_end
//                     an empty value is never announced. Of attributes with the same name the first
//                     counts: to know that is the sink's business
//   tag_end(self_closing)
//                     for a start tag returns how the text after it is read; for an end tag ignored
//   comment, comment_end
//   doctype(field, piece), doctype_end(force_quirks)
//                     an identifier that is there but empty is announced with an empty piece
//   allows_cdata      asked at "<![CDATA[": is the current element SVG's or MathML's?
template <class Sink>
concept TokenSink = requires(Sink sink, std::string_view piece, bool flag, DoctypeField field) {
  sink.characters(piece);
  sink.tag_begin(flag);
  sink.tag_name(piece);
  { sink.wants_attributes() } -> std::same_as<bool>;
  sink.attribute_name(piece);
  sink.attribute_value(piece);
  sink.attribute_end();
  { sink.tag_end(flag) } -> std::same_as<ContentModel>;
  sink.comment(piece);
  sink.comment_end();
  sink.doctype(field, piece);
  sink.doctype_end(flag);
  { sink.allows_cdata() } -> std::same_as<bool>;
};

template <TokenSink Sink>
class Tokenizer {
 public:
  // Element names longer than this many bytes cannot end their own raw text (no element of HTML
  // whose content is raw has more than nine).
  static constexpr std::size_t longest_raw_name = 64;

  explicit Tokenizer(Sink& sink) : sink_(sink) {}

  // Starts within an element: `last_start_tag` (lower case, at most longest_raw_name bytes) is the
  // one whose end tag ends RCDATA, RAWTEXT and script data.
  Tokenizer(Sink& sink, ContentModel model, std::string_view last_start_tag = {}) : sink_(sink) {
    begin_content(model, last_start_tag);
  }

  // Reads on. Line ends become LF on the way (13.2.3.5).
  void feed(std::string_view bytes);

  // The page ends: what is still open is handed over as the standard says. Nothing may follow.
  void finish();

 private:
  // Each reads from p to end or until the state is none of its own, and returns where it stopped.
  const char* text_states(const char* p, const char* end);
  const char* script_states(const char* p, const char* end);
  const char* tag_states(const char* p, const char* end);
  const char* markup_states(const char* p, const char* end);
  const char* doctype_states(const char* p, const char* end);
  const char* reference_states(const char* p, const char* end);

  void consume(const char* p, const char* end);
  void finish_reference();
  void finish_doctype();

  void begin_content(ContentModel model, std::string_view element);
  void begin_raw_end_tag(State origin);
  const char* match_raw_end_tag(const char* p);
  void characters(const char* from, const char* to);
  void null_character() { sink_.characters(replacement); }

  void begin_tag(bool is_end_tag);
  void end_tag_name();
  void end_tag(bool self_closing);
  void begin_attribute() { attribute_is_open_ = true; }
  void end_attribute();
  void attribute_value(const char* from, const char* to);
  const char* read_tag_name(const char* p, const char* end);
  const char* skip_attributes(const char* p, const char* end);
  const char* read_attribute_name(const char* p, const char* end);

  const char* match_markup(const char* p);
  void comment(const char* from, const char* to);
  void end_comment();

  const char* match_keyword(const char* p);
  void begin_identifier(DoctypeField field, State state);
  void end_doctype(bool force_quirks);
  const char* read_doctype_field(DoctypeField field, char quote, State after, const char* p,
                                 const char* end);

  bool reference_is_in_attribute() const;
  void begin_reference();
  void reference_text(std::string_view text);
  void decline_reference();
  void end_named_reference(char next);
  void end_numeric_reference();

  static constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

  Sink& sink_;
  State state_ = State::data;
  bool line_feed_is_read_ = false;  // the last byte was a CR, which has already become a line feed

  // Tags. name_ holds the name being read, until it is handed over.
  bool is_end_tag_ = false;
  bool wants_attributes_ = false;
  bool attribute_is_open_ = false;
  std::size_t name_size_ = 0;
  char name_[longest_raw_name];

  // Raw text: whose end tag ends it, and the state to return to when it is another's.
  State raw_state_ = State::rcdata;
  std::size_t raw_name_size_ = 0;
  char raw_name_[longest_raw_name];

  // How much of a fixed word ("script", "DOCTYPE", "PUBLIC") has been seen, and of which.
  std::size_t matched_ = 0;
  std::string_view keyword_;
  bool force_quirks_ = false;

  // References: what has been read since and including "&", and the longest name within.
  State return_state_ = State::data;
  std::uint16_t children_ = 0;
  std::uint16_t match_ = 0;
  std::size_t match_size_ = 0;
  std::uint32_t code_point_ = 0;
  std::size_t reference_size_ = 0;
  char reference_[longest_entity_name + 1];
};

template <TokenSink Sink>
void Tokenizer<Sink>::feed(std::string_view bytes) {
  const char* p = bytes.data();
  const char* end = p + bytes.size();
  if (line_feed_is_read_ && p != end) {
    if (*p == '\n') ++p;
    line_feed_is_read_ = false;
  }
  while (p != end) {
    // The states never see a carriage return: most pages have none, and where there are some they
    // cut the input once more.
    const void* found = std::memchr(p, '\r', static_cast<std::size_t>(end - p));
    if (found == nullptr) return consume(p, end);
    const char* carriage_return = static_cast<const char*>(found);
    consume(p, carriage_return);
    static constexpr char line_feed = '\n';
    consume(&line_feed, &line_feed + 1);
    p = carriage_return + 1;
    if (p == end) {
      line_feed_is_read_ = true;
    } else if (*p == '\n') {
      ++p;
    }
  }
}

template <TokenSink Sink>
void Tokenizer<Sink>::consume(const char* p, const char* end) {
  while (p != end) {
    if (state_ <= State::raw_end_tag_name) {
      p = text_states(p, end);
    } else if (state_ <= State::script_data_double_escape_end) {
      p = script_states(p, end);
    } else if (state_ <= State::self_closing_start_tag) {
      p = tag_states(p, end);
    } else if (state_ <= State::comment_end_bang) {
      p = markup_states(p, end);
    } else if (state_ <= State::bogus_doctype) {
      p = doctype_states(p, end);
    } else {
      p = reference_states(p, end);
    }
  }
}

}  // namespace crawler::html

#include "tools/crawler/html/doctype_states.hpp"    // IWYU pragma: export
#include "tools/crawler/html/end_of_page.hpp"       // IWYU pragma: export
#include "tools/crawler/html/markup_states.hpp"     // IWYU pragma: export
#include "tools/crawler/html/reference_states.hpp"  // IWYU pragma: export
#include "tools/crawler/html/script_states.hpp"     // IWYU pragma: export
#include "tools/crawler/html/tag_states.hpp"        // IWYU pragma: export
#include "tools/crawler/html/text_states.hpp"       // IWYU pragma: export
