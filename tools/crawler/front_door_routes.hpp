// What each path of the front door answers; front_door.hpp lists them.
//
// One thread, that of the executor. The coroutines use the object until they end.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "tools/crawler/front_door_desk.hpp"
#include "tools/crawler/http_connection.hpp"

namespace crawler {

class Routes {
 public:
  Routes(boost::asio::any_io_executor executor, Desk desk)
      : executor_(std::move(executor)), desk_(std::move(desk)) {}
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  void set_max_urls(std::size_t most) { max_urls_ = most; }

  /// Answers a request that `connection` has read. False if the connection is to be closed.
  boost::asio::awaitable<bool> answer(HttpConnection& connection, HttpRequest request);

  /// Answers everybody who asked for the total, and later ones.
  void tell_total(const std::string& line);

  /// Uses the desk no more; requests are closed unanswered from now on.
  void close() { desk_ = {}; }

 private:
  class Signal;
  class LineRequest;
  class TextRequest;
  using Answered = boost::asio::awaitable<bool>;

  Answered text(HttpConnection& connection, std::string url);
  Answered crawl(HttpConnection& connection, std::vector<std::string> urls);
  Answered total(HttpConnection& connection);
  HttpAnswer status(bool as_json);
  bool submit(const std::shared_ptr<Request>& request);
  void abandon(const Request& request);

  boost::asio::any_io_executor executor_;
  Desk desk_;
  std::size_t max_urls_ = 0;
  std::string total_;  ///< "" until it is told.
  std::set<Signal*> waiting_for_total_;
};

}  // namespace crawler
