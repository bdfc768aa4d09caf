// Bare text files: a line that is appended is a message, as for `tail -f` and every log.
//
// The receiver changes nothing: it begins at the file's first line, follows it as it grows, and takes
// no lease, since any number may follow. A file that is truncated is followed from its beginning
// again, one that is replaced (as logrotate(8) does) to its end, and then its successor. No end of a
// sender is told: a file does not know who has it open.
#pragma once

#include <string>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/inotify.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/lines.hpp"

namespace ipc::bare {

class TextFileReceiver final : public Receiver {
 public:
  /// Makes the file with that mode if it is missing.
  TextFileReceiver(const std::string& address, std::size_t max_message, mode_t mode);

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override { return watch_.fd(); }
  std::uint64_t do_foreign_bytes() const override { return lines_.skipped(); }
  bool fill();
  bool go_on_with_successor();

  sys::Path path_;
  sys::Watch watch_;  ///< Of the directory: it also tells of a successor.
  sys::Fd file_;
  off_t offset_ = 0;
  wire::Lines lines_;
};

/// Appends lines: with O_APPEND each write goes to what is the end then, so lines do not mix.
class TextFileSender final : public Sender {
 public:
  explicit TextFileSender(const std::string& address);

 private:
  Status do_send(Bytes, Deadline) override;

  std::string path_;
  sys::Fd file_;
};

}  // namespace ipc::bare
