// Bytes of any encoding of the web into UTF-8.
#pragma once

#include <functional>
#include <string_view>

#include "tools/crawler/charset/encoding.hpp"

namespace crawler {

// Takes a piece of the text, which is valid during the call, and says whether it wants more.
using TakeText = std::function<bool(std::string_view)>;

// Hands the text over in pieces of valid UTF-8, none cut within a character. UTF-8 that is valid is not
// copied; anything else passes through a buffer of 64 KiB. What cannot be decoded becomes U+FFFD. A byte
// order mark is text like any other; to skip it is the caller's business.
//
// Any thread may call it. Each keeps the converters and tables it has used, a few KiB for each encoding,
// until it ends. Throws std::system_error when iconv_open(3) fails, which for these names means that the
// C library's conversion modules are not installed, or that memory is short.
void decode(std::string_view bytes, Encoding encoding, const TakeText& take);

}  // namespace crawler
