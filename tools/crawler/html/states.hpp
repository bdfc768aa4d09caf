// The states of the tokenizer, named after sections 13.2.5.1 to 13.2.5.80 of the HTML standard.
#pragma once

#include <cstdint>

namespace crawler::html {

// How the text that follows a start tag is read, which the element decides (13.2.4.4, 13.2.6.4):
// `data` with tags and references, `rcdata` (title, textarea) without tags, `rawtext` (style,
// iframe) without either, `script` with its own rules for <!--, `plaintext` up to the end of the
// page.
enum class ContentModel : std::uint8_t { data, rcdata, rawtext, script, plaintext, cdata };

// Four families of states that differ only in where they came from are one each here: the
// "less-than sign", "end tag open" and "end tag name" states of RCDATA, RAWTEXT, script data and
// escaped script data are raw_less_than, raw_end_tag_open and raw_end_tag_name; where to return to
// is kept beside. The four "comment less-than sign" states only tell one parse error from another;
// comment does it.
//
// The order matters: each group is a range, see Tokenizer::consume.
enum class State : std::uint8_t {
  // text_states.hpp
  data,
  rcdata,
  rawtext,
  script_data,
  plaintext,
  cdata_section,
  cdata_section_bracket,
  cdata_section_end,
  raw_less_than,
  raw_end_tag_open,
  raw_end_tag_name,
  // script_states.hpp
  script_data_less_than,
  script_data_escape_start,
  script_data_escape_start_dash,
  script_data_escaped,
  script_data_escaped_dash,
  script_data_escaped_dash_dash,
  script_data_escaped_less_than,
  script_data_double_escape_start,
  script_data_double_escaped,
  script_data_double_escaped_dash,
  script_data_double_escaped_dash_dash,
  script_data_double_escaped_less_than,
  script_data_double_escape_end,
  // tag_states.hpp
  tag_open,
  end_tag_open,
  tag_name,
  before_attribute_name,
  attribute_name,
  after_attribute_name,
  before_attribute_value,
  attribute_value_double_quoted,
  attribute_value_single_quoted,
  attribute_value_unquoted,
  after_attribute_value_quoted,
  self_closing_start_tag,
  // markup_states.hpp
  bogus_comment,
  markup_declaration_open,
  comment_start,
  comment_start_dash,
  comment,
  comment_end_dash,
  comment_end,
  comment_end_bang,
  // doctype_states.hpp
  doctype,
  before_doctype_name,
  doctype_name,
  after_doctype_name,
  after_doctype_public_keyword,
  before_doctype_public_identifier,
  doctype_public_identifier_double_quoted,
  doctype_public_identifier_single_quoted,
  after_doctype_public_identifier,
  between_doctype_identifiers,
  after_doctype_system_keyword,
  before_doctype_system_identifier,
  doctype_system_identifier_double_quoted,
  doctype_system_identifier_single_quoted,
  after_doctype_system_identifier,
  bogus_doctype,
  // reference_states.hpp
  character_reference,
  named_character_reference,
  numeric_character_reference,
  hexadecimal_character_reference_start,
  hexadecimal_character_reference,
  decimal_character_reference,
};

}  // namespace crawler::html
