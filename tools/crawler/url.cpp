#include "tools/crawler/url.hpp"

#include <algorithm>
#include <memory>
#include <new>

#include <curl/curl.h>

namespace crawler {

namespace {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

Handle make_handle() {
  Handle handle(curl_url(), &curl_url_cleanup);
  if (handle == nullptr) throw std::bad_alloc();
  return handle;
}

void check_memory(CURLUcode code) {
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
}

bool set_url(CURLU* handle, const std::string& text) {
  // Spaces and bytes beyond ASCII are escaped: links are written by people.
  CURLUcode code =
      curl_url_set(handle, CURLUPART_URL, text.c_str(), CURLU_URLENCODE | CURLU_NON_SUPPORT_SCHEME);
  check_memory(code);
  return code == CURLUE_OK;
}

std::optional<std::string> part(CURLU* handle, CURLUPart what, unsigned flags = 0) {
  char* text = nullptr;
  CURLUcode code = curl_url_get(handle, what, &text, flags);
  check_memory(code);
  if (code != CURLUE_OK) return std::nullopt;
  std::unique_ptr<char, decltype(&curl_free)> owner(text, &curl_free);
  return std::string(text);
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool is_acceptable(std::string_view text) {
  return !text.empty() && text.size() <= max_url &&
         std::none_of(text.begin(), text.end(), is_control);
}

std::optional<Url> read(CURLU* handle) {
  std::optional<std::string> scheme = part(handle, CURLUPART_SCHEME);
  if (!scheme || (*scheme != "http" && *scheme != "https")) return std::nullopt;
  if (part(handle, CURLUPART_USER) || part(handle, CURLUPART_PASSWORD)) return std::nullopt;
  std::optional<std::string> host = part(handle, CURLUPART_HOST);
  if (!host || host->empty()) return std::nullopt;
  std::transform(host->begin(), host->end(), host->begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  check_memory(curl_url_set(handle, CURLUPART_HOST, host->c_str(), 0));
  check_memory(curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0));
  std::optional<std::string> text = part(handle, CURLUPART_URL, CURLU_NO_DEFAULT_PORT);
  std::optional<std::string> port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  if (!text || !port || !is_acceptable(*text)) return std::nullopt;
  unsigned long number = std::stoul(*port);
  if (number == 0 || number > UINT16_MAX) return std::nullopt;
  if (host->starts_with('[')) *host = host->substr(1, host->size() - 2);
  return Url{std::move(*text), std::move(*scheme), std::move(*host),
             static_cast<std::uint16_t>(number)};
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  if (!is_acceptable(text)) return std::nullopt;
  // libcurl would take "http:/host" and "host" for URLs; whoever hands over a list is better told.
  std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Handle handle = make_handle();
  if (!set_url(handle.get(), std::string(text))) return std::nullopt;
  return read(handle.get());
}

std::string resolve_url(std::string_view base, std::string_view reference) {
  if (base.size() > max_url || reference.size() > max_url) return {};
  // libcurl 7.88 takes "#part" for a path; the fragment goes in any case.
  std::string cleaned(reference.substr(0, reference.find('#')));
  cleaned.erase(std::remove_if(cleaned.begin(), cleaned.end(),
                               [](char c) { return c == '\n' || c == '\r' || c == '\t'; }),
                cleaned.end());
  std::size_t first = cleaned.find_first_not_of(' ');
  cleaned = first == std::string::npos
                ? std::string()
                : cleaned.substr(first, cleaned.find_last_not_of(' ') - first + 1);
  Handle handle = make_handle();
  if (!base.empty() && (!is_acceptable(base) || !set_url(handle.get(), std::string(base))))
    return {};
  if (!cleaned.empty() && (!is_acceptable(cleaned) || !set_url(handle.get(), cleaned))) return {};
  std::optional<Url> url = read(handle.get());
  return url ? url->text : std::string();
}

}  // namespace crawler
