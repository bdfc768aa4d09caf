// A System V queue by its key, and its bare ends: a message is one msgsnd(2), as `ipcmk -Q` and every
// old program know it.
//
// Without a bell of ours a bare receiver has to look now and then; there is nothing it could wait for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "ipc/sys/fd.hpp"
#include "ipc/sys/lease.hpp"
#include "ipc/sys/sysv.hpp"
#include "ipc/transport.hpp"

namespace ipc::bare {

/// Makes a queue with that key, with the options' mode and capacity; -1 if there is one already. Throws
/// Error, Trouble::limit where the system allows no more or no larger ones.
int make_queue(const std::string& key, const Options& options);
/// Throws Trouble::no_receiver if there is no such queue.
int find_queue(const std::string& key);
/// The longest message that it can hold.
std::size_t longest_message(int queue);

/// The reading end of a queue, ours or anybody's.
class Basket {
 public:
  Basket();
  /// The next message, valid until the next take; nothing if none waits.
  std::optional<Bytes> take(int queue);

 private:
  std::vector<std::byte> room_;
};

/// One message as msgsnd(2) wants it, in one piece, with our type.
class Letter {
 public:
  Letter();
  /// Valid until the next.
  Bytes with(Bytes a, Bytes b);

 private:
  std::vector<std::byte> bytes_;
};

class SysvQueueReceiver final : public Receiver {
 public:
  /// Finds the queue, or makes it, which is then removed at the end. Takes a lease, because two who
  /// receive from it would take messages from each other.
  SysvQueueReceiver(const std::string& address, const Options& options);

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override;

  sys::Lease lease_;
  int queue_;
  Basket basket_;
  sys::Fd timer_;
};

class SysvQueueSender final : public Sender {
 public:
  explicit SysvQueueSender(const std::string& address);

 private:
  explicit SysvQueueSender(int queue) : Sender(longest_message(queue)), queue_(queue) {}
  Status do_send(Bytes message, Deadline deadline) override;

  int queue_;
  Letter letter_;
};

}  // namespace ipc::bare
