// Bare byte streams: a line is a message, as for `cat`, `echo` and every shell script.
//
// No frames, no lease of senders, hence none of the promises that rest on them: the kernel's own
// remain. A line of at most PIPE_BUF bytes goes in whole, a longer one may mix with other writers'
// and may be cut by its deadline; EOF is the only end that is told.
#pragma once

#include <functional>
#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/lines.hpp"

namespace ipc::bare {

class LineReceiver : public Receiver {
 public:
  /// `reopen` opens the stream anew after an EOF, so that later writers are heard; without it an EOF
  /// is told as `closed` for good.
  LineReceiver(std::string address, sys::Fd stream, std::size_t max_message,
               std::function<sys::Fd()> reopen = {});

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override;
  std::uint64_t do_foreign_bytes() const override { return lines_.skipped(); }
  Received end();

  sys::Fd stream_;  ///< Closed once it has ended for good.
  std::function<sys::Fd()> reopen_;
  wire::Lines lines_;
  sys::Fd epoll_;      ///< Stays the same descriptor when the stream is opened anew.
  bool over_ = false;  ///< EOF was seen and the line before it delivered.
};

class LineSender : public Sender {
 public:
  LineSender(std::string object, sys::Fd stream);

 private:
  Status do_send(Bytes, Deadline) override;

  std::string object_;
  sys::Fd stream_;
};

}  // namespace ipc::bare
