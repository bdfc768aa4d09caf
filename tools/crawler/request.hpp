// The URLs that clients wait for, and whose turn it is.
//
// Requests take turns, URL by URL, so that a list of 100,000 does not keep a single page waiting.
// URLs are not handed out ahead: the queue gives the next one when a worker has room, and none of a
// request whose client has not read what it was sent.
//
// Pure; one thread.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/crawler/protocol.hpp"

namespace crawler {

/// What one client asked for. The queue and each URL in work share it.
class Request {
 public:
  explicit Request(std::vector<std::string> urls) : urls_(std::move(urls)), open_(urls_.size()) {}
  virtual ~Request() = default;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  /// One URL is done. Takes it to the client.
  void finish(const Outcome& outcome) {
    --open_;
    deliver(outcome);
  }
  /// How many URLs are not done.
  std::size_t open() const { return open_; }
  /// Bytes that the client has been given and has not read.
  virtual std::size_t unsent() const = 0;

 private:
  friend class RequestQueue;
  virtual void deliver(const Outcome& outcome) = 0;
  std::vector<std::string> urls_;
  std::size_t next_ = 0;
  std::size_t open_;
};

class RequestQueue {
 public:
  struct Item {
    std::shared_ptr<Request> request;
    std::string url;
  };

  void add(std::shared_ptr<Request> request);
  /// Its client has gone: none of its URLs is given any more.
  void remove(const Request& request);
  /// The next URL of the next request that has less than `max_unsent` bytes unsent.
  std::optional<Item> take(std::size_t max_unsent);
  /// The next URL whatever its client has read.
  std::optional<Item> take_any();
  /// URLs that have not been given.
  std::size_t size() const;

 private:
  std::optional<Item> take_at(std::size_t index);
  std::deque<std::shared_ptr<Request>> requests_;  // each has URLs left; the front's turn is next
};

/// Why this URL cannot be fetched, as far as that shows without a look at the network; "" if nothing
/// is wrong. Workers check more.
std::string url_problem(std::string_view url, std::uint64_t max_length);

}  // namespace crawler
