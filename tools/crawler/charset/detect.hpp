// In which encoding is a text that nobody labels written?
//
// Evidence is counted in nats, the natural logarithm of a likelihood ratio: how much likelier these bytes
// are as text in an encoding than as noise, in which every byte is as likely as any other. What several
// bytes tell adds up, and the candidate with the most evidence wins. All candidates are measured against
// the same noise, so that a Chinese character of two bytes and two Cyrillic letters compare.
//
//   A byte of a single-byte encoding tells by how often its letter is used in a language (languages.hpp), and
//   by whether it stands where such a letter stands (neighbours.hpp).
//   A character of several bytes tells by how often characters of its part of the table are used
//   (multi_byte.hpp).
//   An encoding that the web uses more starts ahead by a few nats.
//
// A candidate is a whole encoding: nobody asks for the language. ASCII tells nothing but as a neighbour.
//
// Sources: the letters' frequencies are named in languages.cpp; the idea of scoring candidates by how
// languages use letters is that of "A composite approach to language/encoding detection" (Li and
// Momoi, 2001), which Mozilla's detector and uchardet follow; how far ahead an encoding starts is an
// estimate of how much the web uses it.
#pragma once

#include <optional>
#include <string_view>

#include "tools/crawler/charset/encoding.hpp"

namespace crawler {

// The encoding for which the bytes tell most; nothing if all of them are ASCII or look like noise in
// every encoding. UTF-8 is among the candidates, for pages that are UTF-8 but for a few bytes. Candidates
// that decode these very bytes to the same text are as good as each other; the commonest is returned.
//
// Looks for bytes beyond ASCII until it has 1 MiB of them and their neighbours. Any thread may call it.
// Throws as decode() does.
std::optional<Encoding> detect_encoding(std::string_view bytes);

}  // namespace crawler
