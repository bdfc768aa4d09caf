// Receiving in an event loop of Boost.Asio.
//
//     ipc::adapters::AsioReceiver inbox(io.get_executor(), *receiver);
//     while (auto got = co_await inbox.receive()) use(got.message);
//
// A wake-up costs an epoll_ctl(2) and an epoll_wait(2), a few times a message, so one wake-up is
// followed by receives until nothing is left. After `turn` messages in a row it lets the loop's
// other work run, or one busy sender would starve timers and signals.
//
// The receiver must outlive this object, which uses it from the executor's thread only. One
// receive() at a time; between two of them others may receive at_once from the receiver directly.
#pragma once

#include <fcntl.h>

#include <cerrno>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "ipc/transport.hpp"

namespace ipc::adapters {

class AsioReceiver {
 public:
  AsioReceiver(const boost::asio::any_io_executor& executor, Receiver& receiver,
               unsigned turn = 256)
      : receiver_(receiver),
        readiness_(executor, duplicate(receiver.readiness_fd())),
        turn_(turn) {}

  /// As Receiver::receive(), never `timed_out`. Ends with operation_aborted, an exception, after
  /// stop().
  boost::asio::awaitable<Received> receive() {
    if (++in_turn_ >= turn_) {
      in_turn_ = 0;
      co_await boost::asio::post(readiness_.get_executor(), boost::asio::use_awaitable);
    }
    for (;;) {
      Received received = receiver_.receive(Deadline::at_once());
      if (received.status != Status::timed_out) co_return received;
      in_turn_ = 0;
      co_await readiness_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                     boost::asio::use_awaitable);
    }
  }

  /// Ends a receive() that is under way.
  void stop() { readiness_.cancel(); }

 private:
  /// stream_descriptor closes what it is given, and the receiver's own stays the receiver's.
  static int duplicate(int fd) {
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy == -1) throw Error("fcntl", "readiness descriptor", errno);
    return copy;
  }

  Receiver& receiver_;
  boost::asio::posix::stream_descriptor readiness_;
  unsigned turn_;
  unsigned in_turn_ = 0;
};

}  // namespace ipc::adapters
