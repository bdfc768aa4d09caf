// Texts in other encodings, for tests.
#pragma once

#include <string>
#include <string_view>

namespace test {

// `to` is a name iconv_open(3) knows. Throws std::runtime_error for text that the encoding cannot write.
std::string encode(std::string_view utf8, const char* to);

}  // namespace test
