// What a page says about its own encoding, before it can be read.
#pragma once

#include <optional>
#include <string_view>

#include "tools/crawler/charset/encoding.hpp"

namespace crawler {

// How far into a page its encoding may be declared (HTML standard 4.2.5.4).
inline constexpr std::size_t prescan_size = 1024;

// The encoding that a <meta> in the first prescan_size bytes declares (HTML standard 13.2.3.2, "prescan a
// byte stream"). A page that can be read so far is not UTF-16: when it says so it means UTF-8.
std::optional<Encoding> prescan_meta(std::string_view bytes);

// The encoding in the XML declaration, <?xml ... encoding="..."?>, that the page begins with.
std::optional<Encoding> prescan_xml_declaration(std::string_view bytes);

// The label after "charset=" in the content of a <meta http-equiv> (HTML standard 2.4.4); empty if there
// is none.
std::string_view label_in_content(std::string_view content);

}  // namespace crawler
