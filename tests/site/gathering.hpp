// A meeting point for requests: proves that a client has so many of them under way at the same time,
// which no measured time does.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace site {

/// Used on the one thread of its executor.
class Gathering {
 public:
  explicit Gathering(const boost::asio::any_io_executor& executor)
      : gate_(executor, boost::asio::steady_timer::time_point::max()) {}

  /// Returns once `size` are here, then to all of them; who comes later waits for the next so many.
  /// One whose client leaves meanwhile still counts as here.
  boost::asio::awaitable<void> join(unsigned size) {
    if (++here_ >= size) {
      here_ = 0;
      gate_.cancel();
      co_return;
    }
    boost::system::error_code opened;  // cancelled: the timer itself never expires
    co_await gate_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, opened));
  }

 private:
  boost::asio::steady_timer gate_;
  unsigned here_ = 0;
};

}  // namespace site
