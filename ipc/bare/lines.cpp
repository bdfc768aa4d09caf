#include "ipc/bare/lines.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include "ipc/sys/file.hpp"
#include "ipc/sys/sigpipe.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::bare {

LineReceiver::LineReceiver(std::string address, sys::Fd stream, std::size_t max_message,
                           std::function<sys::Fd()> reopen)
    : Receiver(std::move(address)),
      stream_(std::move(stream)),
      reopen_(std::move(reopen)),
      lines_(max_message) {}

Received LineReceiver::do_receive(Deadline deadline) {
  for (;;) {
    if (const auto line = lines_.next()) return {Status::ok, *line};
    if (over_) return end();
    if (!stream_.is_open()) {
      if (deadline.is_never())
        throw Error(Trouble::invalid, EPIPE,
                    "receive " + address() + ": it has ended, and nobody can come any more");
      sys::wait_until(deadline, "nobody can come any more");
      return {};
    }
    const auto result = sys::read(stream_.get(), lines_.room(), "whatever lines wait");
    if (result.ok() && result.value > 0) {
      lines_.filled(result.count());
      continue;
    }
    if (!result.ok() && result.error != EAGAIN) result.check(address());
    // Nothing to read is either an EOF or that nobody has come yet. For a FIFO read(2) returns 0 in
    // both cases, and only poll(2) tells them apart: it reports a hang-up after a writer has left.
    const bool ended = result.ok() && sys::wait_readable(stream_.get(), Deadline::at_once(),
                                                         "EOF, or has nobody come yet?");
    if (ended) {
      over_ = true;
      if (const auto line = lines_.rest()) return {Status::ok, *line};
      continue;
    }
    if (deadline.expired()) return {};
    sys::wait_readable(stream_.get(), deadline, "until a line or an EOF comes");
  }
}

Received LineReceiver::end() {
  // The new one first: while either is open, what a writer has put in stays there.
  sys::Fd anew = reopen_ ? reopen_() : sys::Fd();
  if (epoll_.is_open()) {
    if (anew.is_open()) sys::epoll_add(epoll_.get(), anew.get(), "the stream, opened anew");
    sys::epoll_remove(epoll_.get(), stream_.get(), "a copy of it may be open elsewhere");
  }
  stream_ = std::move(anew);
  over_ = false;
  return {.status = Status::closed, .for_good = !stream_.is_open()};
}

int LineReceiver::do_readiness_fd() {
  if (!epoll_.is_open()) {
    epoll_ = sys::make_epoll("one descriptor, however often the stream is opened anew");
    if (stream_.is_open())
      sys::epoll_add(epoll_.get(), stream_.get(), "readable when a line comes, and at EOF");
  }
  return epoll_.get();
}

LineSender::LineSender(std::string object, sys::Fd stream)
    : Sender(kMaxMessage), object_(std::move(object)), stream_(std::move(stream)) {
  sys::survive_sigpipe();
}

Status LineSender::do_send(Bytes message, Deadline deadline) {
  constexpr std::byte newline{'\n'};
  const std::size_t size = message.size() + 1;
  std::size_t done = 0;
  while (done < size) {
    const std::array parts{sys::part(message.subspan(std::min(done, message.size()))),
                           sys::part(Bytes(&newline, 1))};
    const auto result = sys::writev(stream_.get(), parts, "a line is a message");
    if (result.ok()) {
      done += result.count();
      continue;
    }
    if (result.error == EPIPE || result.error == ECONNRESET) return Status::closed;
    if (result.error != EAGAIN) result.check(object_);
    if (deadline.expired()) return Status::timed_out;
    sys::wait_writable(stream_.get(), deadline, "full: until there is room, or the reader is gone");
  }
  return Status::ok;
}

}  // namespace ipc::bare
