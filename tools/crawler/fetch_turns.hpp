// Whose turn it is at which host: so many at a time, the others wait in the order in which they came.
// Part of fetch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace crawler {

/// Items stay where they are while they wait.
template <class Item>
class Turns {
 public:
  explicit Turns(std::uint64_t at_once) : at_once_(at_once) {}

  /// True: its turn is now, and lasts until leave(). False: it waits, `ahead` of the others if so.
  bool come(const std::string& host, Item& item, bool ahead) {
    Host& here = hosts_[host];
    if (here.active < at_once_) {
      ++here.active;
      return true;
    }
    if (ahead)
      here.waiting.push_front(&item);
    else
      here.waiting.push_back(&item);
    return false;
  }

  /// One that waits, waits no more.
  void give_up(const std::string& host, Item& item) {
    auto& waiting = hosts_.at(host).waiting;
    waiting.erase(std::find(waiting.begin(), waiting.end(), &item));
  }

  /// A turn is over. Returns the item whose turn it is now; nullptr if none has waited.
  Item* leave(const std::string& host) {
    const auto found = hosts_.find(host);
    Host& here = found->second;
    if (here.waiting.empty()) {
      if (--here.active == 0) hosts_.erase(found);
      return nullptr;
    }
    Item* const next = here.waiting.front();
    here.waiting.pop_front();
    return next;
  }

 private:
  struct Host {
    std::uint64_t active = 0;
    std::deque<Item*> waiting;
  };
  std::uint64_t at_once_;
  std::unordered_map<std::string, Host> hosts_;
};

}  // namespace crawler
