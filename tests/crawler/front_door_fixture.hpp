// A front door alone, with a desk of the test's own in place of the master.
#pragma once

#include <atomic>
#include <deque>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "tests/crawler/daemon_under_test.hpp"
#include "tools/crawler/front_door.hpp"

namespace support {

inline crawler::Outcome page_of(const std::string& url, std::string text) {
  crawler::Outcome outcome;
  outcome.url = url;
  outcome.page.status = crawler::Fate::ok;
  outcome.page.http_status = 200;
  outcome.page.text = std::move(text);
  outcome.worker = outcome.attempt = 1;
  return outcome;
}

/// A front door on a loop in a thread of its own. Requests wait in `requests`; all that touches them
/// runs on the loop, through on_loop().
class Door {
  boost::asio::io_context loop_;  // before `requests`, which hold timers of it

 public:
  explicit Door(const crawler::Config& config = {})
      : door_(std::make_unique<crawler::FrontDoor>(loop_.get_executor(), desk(), config)) {
    door_->listen_unix(path());
    port_ = door_->listen_tcp({"127.0.0.1", 0});
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Door() {
    loop_.stop();
    thread_.join();
  }
  std::string path() const { return directory_.path() + "/socket"; }
  HttpClient client() const { return HttpClient(path()); }
  HttpClient tcp_client() const { return HttpClient(port_); }
  crawler::FrontDoor& door() { return *door_; }

  template <class Act>
  auto on_loop(Act act) {
    std::packaged_task<decltype(act())()> task(std::move(act));
    auto done = task.get_future();
    boost::asio::post(loop_, [&task] { task(); });
    return done.get();
  }
  bool has_requests(std::size_t count) {
    return eventually([&] { return on_loop([&] { return requests.size() == count; }); },
                      std::chrono::seconds(10));
  }
  /// Answers the next URL of the oldest request.
  void answer(const std::string& url, const std::string& text) {
    on_loop([&] { requests.front()->finish(page_of(url, text)); });
  }

  std::deque<std::shared_ptr<crawler::Request>> requests;
  bool is_stopping = false;
  std::atomic<int> abandoned = 0, reads = 0;

 private:
  crawler::Desk desk() {
    return {.submit =
                [this](auto request) {
                  if (is_stopping) return false;
                  requests.push_back(std::move(request));
                  return true;
                },
            .abandon = [this](const crawler::Request&) { ++abandoned; },
            .read = [this] { ++reads; },
            .status =
                [] {
                  return boost::json::object{{"state", "<running>"}};
                }};
  }

  PrivateDirectory directory_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
      boost::asio::make_work_guard(loop_);
  std::unique_ptr<crawler::FrontDoor> door_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace support
