// Whether a body is text at all. Types lie and are left out, so both are asked: what the server
// says and what the first bytes look like (after the WHATWG MIME Sniffing Standard, sections 5 and
// 7). Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace crawler {

/// Whether a Content-Type announces something that has text: text/*, XML, JSON. An empty one does,
/// for then the bytes decide.
bool is_text_type(std::string_view content_type);

/// How many bytes of a body looks_binary() wants to see; a whole body may be shorter.
inline constexpr std::size_t sniff_length = 1445;

/// Whether the first bytes of a body belong to no text: a well-known signature, or control
/// characters that no text has. UTF-16 is text, declared by `content_type`, by its byte order mark
/// or by where its NULs stand.
bool looks_binary(std::string_view first, std::string_view content_type);

}  // namespace crawler
