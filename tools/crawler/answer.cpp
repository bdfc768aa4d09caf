#include "tools/crawler/answer.hpp"

#include <chrono>
#include <string>
#include <system_error>
#include <utility>

#include "tools/crawler/extract.hpp"

namespace crawler {
namespace {

void fail(Page& page, std::string word, std::string detail) {
  page.status = Fate::failed;
  page.error = std::move(word);
  page.detail = std::move(detail);
  page.text.clear();
}

}  // namespace

Page page_of(const Fetched& fetched, const Limits& limits) {
  using Clock = std::chrono::steady_clock;
  Page page;
  page.http_status = fetched.http_status;
  page.content_type = fetched.content_type;
  if (fetched.is_redirected) page.final_url = fetched.url;
  page.milliseconds = static_cast<std::uint64_t>(fetched.took.count());
  if (!fetched.error.empty()) {
    fail(page, fetched.error, fetched.detail);
    return page;
  }
  const Clock::time_point begin = Clock::now();
  try {
    Text text =
        extract_text(fetched.body, fetched.content_type,
                     {.max_text = limits.max_text, .url = fetched.url, .encoding = std::nullopt});
    page.charset = text.charset;
    page.title = std::move(text.title);
    page.text = std::move(text.text);
    page.status = Fate::ok;
    if (text.is_truncated)
      fail(page, "text-too-large",
           "more than " + std::to_string(limits.max_text) + " bytes of text");
  } catch (const std::system_error& error) {
    fail(page, "undecodable", error.what());
  }
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  page.milliseconds += static_cast<std::uint64_t>(spent.count());
  return page;
}

std::vector<std::byte> message_of(pool::Envelope head, Page page, std::size_t max_message) {
  head.about = write_page(page);
  head.body = pool::as_bytes(page.text);
  std::vector<std::byte> message = pool::encode(head);
  if (message.size() <= max_message) return message;
  fail(page, "text-too-large",
       "its answer would exceed a message of " + std::to_string(max_message) + " bytes");
  head.about = write_page(page);
  head.body = {};
  return pool::encode(head);
}

}  // namespace crawler
