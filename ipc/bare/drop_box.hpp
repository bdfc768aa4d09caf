// Bare directories: a file that is renamed into one is a message.
//
// So any program can send with mv(1), from the same file system, where that is rename(2) and the file
// appears whole. Names say nothing but the order of those that were there before the receiver; hidden
// names are drafts and are left alone, as are directories and links. A message is unlinked when it is
// consumed. No end of a sender is told: a directory does not know who has it open.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "ipc/sys/inotify.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/transport.hpp"

namespace ipc::bare {

class DropBoxReceiver final : public Receiver {
 public:
  /// Makes the directory if it is missing: whoever has `mode` for its files may enter. Takes a
  /// lease, because two who take messages out of it would take them from each other.
  DropBoxReceiver(const std::string& address, std::size_t max_message, mode_t mode);
  ~DropBoxReceiver() override;

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override { return watch_.fd(); }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }
  void rescan();
  void add(std::string name);
  void consume();

  sys::Path path_;
  std::size_t max_message_;
  sys::Lease lease_;
  sys::Watch watch_;
  std::deque<std::string> unread_;
  std::string shown_;
  std::vector<std::byte> bytes_;
  std::uint64_t skipped_ = 0;
};

class DropBoxSender final : public Sender {
 public:
  explicit DropBoxSender(const std::string& address);

 private:
  Status do_send(Bytes, Deadline) override;

  std::string directory_;
  std::string token_;
  std::uint64_t sent_ = 0;
};

}  // namespace ipc::bare
