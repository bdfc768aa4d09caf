// What a worker answers about a page that it has downloaded, or tried to.
//
// Two words of its own beside those of fetch.hpp:
//
//   text-too-large  more than max_text bytes of text, or more than fits into a message
//   undecodable     the character set's decoder failed
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "tools/crawler/fetch.hpp"
#include "tools/crawler/protocol.hpp"

namespace crawler {

/// The page that came of a download: its text, or why there is none.
Page page_of(const Fetched& fetched, const Limits& limits);

/// The message that carries it, at most `max_message` bytes long: a page whose text makes it longer
/// has failed. `head` is the envelope without `about` and body.
std::vector<std::byte> message_of(pool::Envelope head, Page page, std::size_t max_message);

}  // namespace crawler
