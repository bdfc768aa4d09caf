// What bytes tell as text in an encoding with characters of several bytes.
//
// These encodings leave most sequences of bytes without meaning, and put the characters that are used into
// a part of their table: kana, the Chinese characters of the first level, Hangul. Text in another
// encoding breaks the former soon and meets the latter by chance only.
#pragma once

#include <memory>

#include "tools/crawler/charset/encoding.hpp"
#include "tools/crawler/charset/evidence.hpp"

namespace crawler {

// `encoding` is utf_8, shift_jis, euc_jp, gb18030 (as which GBK is decoded), big5 or euc_kr.
std::unique_ptr<Evidence> multi_byte_evidence(Encoding encoding);

}  // namespace crawler
