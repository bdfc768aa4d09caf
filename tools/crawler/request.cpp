#include "tools/crawler/request.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace crawler {

void RequestQueue::add(std::shared_ptr<Request> request) {
  if (!request->urls_.empty()) requests_.push_back(std::move(request));
}

void RequestQueue::remove(const Request& request) {
  std::erase_if(requests_, [&](const auto& each) { return each.get() == &request; });
}

std::optional<RequestQueue::Item> RequestQueue::take_at(std::size_t index) {
  const auto at = requests_.begin() + static_cast<std::ptrdiff_t>(index);
  std::shared_ptr<Request> request = std::move(*at);
  requests_.erase(at);
  Item item{request, std::move(request->urls_[request->next_])};
  if (++request->next_ != request->urls_.size())
    requests_.push_back(std::move(request));
  else
    request->urls_ = {};  // 100,000 empty strings are still three megabytes
  return item;
}

std::optional<RequestQueue::Item> RequestQueue::take(std::size_t max_unsent) {
  for (std::size_t index = 0; index != requests_.size(); ++index)
    if (requests_[index]->unsent() < max_unsent) return take_at(index);
  return {};
}

std::optional<RequestQueue::Item> RequestQueue::take_any() {
  return take(std::numeric_limits<std::size_t>::max());
}

std::size_t RequestQueue::size() const {
  std::size_t left = 0;
  for (const auto& request : requests_) left += request->urls_.size() - request->next_;
  return left;
}

std::string url_problem(std::string_view url, std::uint64_t max_length) {
  if (url.empty()) return "is empty";
  if (url.size() > max_length) return "is longer than " + std::to_string(max_length) + " bytes";
  if (!is_utf8(url)) return "is not UTF-8";
  if (std::any_of(url.begin(), url.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; }))
    return "has a space or control character in it";
  // RFC 3986 3.1: schemes are compared without regard to case.
  const auto begins = [&](std::string_view scheme) {
    return url.size() > scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), url.begin(), [](char wanted, char is) {
             return wanted == (is | (is >= 'A' && is <= 'Z' ? 0x20 : 0));
           });
  };
  const std::string_view scheme = begins("http://")    ? "http://"
                                  : begins("https://") ? "https://"
                                                       : "";
  if (scheme.empty()) return "is no http:// or https:// URL";
  const std::string_view rest = url.substr(scheme.size());
  if (rest.substr(0, rest.find_first_of("/?#")).empty()) return "names no host";
  return "";
}

}  // namespace crawler
