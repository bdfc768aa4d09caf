// System calls on POSIX message queues, mq_overview(7).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

#include "ipc/sys/call.hpp"

namespace ipc::sys {

/// How much a queue holds: at most `messages` of at most `message_size` bytes.
struct QueueGeometry {
  std::size_t messages = 0;
  std::size_t message_size = 0;

  /// What it counts against RLIMIT_MSGQUEUE, getrlimit(2): the messages' bytes, and 48 for the
  /// kernel's struct msg_msg and 48 for its struct posix_msg_tree_node per message (64-bit Linux).
  std::size_t charge() const { return messages * (message_size + 96); }
};

/// mq_open(3) of a new queue, non-blocking; EEXIST if the name is taken. The descriptor is one like
/// others, closed on exec (Linux).
Result mq_make(const std::string& name, int access, mode_t mode, const QueueGeometry& geometry,
               const char* why);
/// mq_open(3) of a queue that is there, non-blocking. `access` is O_RDONLY, O_WRONLY or O_RDWR.
Result mq_open(const std::string& name, int access, const char* why);
/// mq_getattr(3). `waiting` is how many messages are in it.
Result mq_getattr(int queue, QueueGeometry& geometry, std::size_t& waiting, const char* why);
/// mq_send(3): one message, whole or not at all.
Result mq_send(int queue, std::span<const std::byte> message, unsigned priority, const char* why);
/// mq_receive(3): the oldest of the highest priority. `room` must take the longest message.
Result mq_receive(int queue, std::span<std::byte> room, unsigned& priority, const char* why);
Result mq_unlink(const std::string& name, const char* why);

/// What this machine allows who has no CAP_SYS_RESOURCE: fs.mqueue.msg_max and msgsize_max.
QueueGeometry mq_ceiling();
/// fs.mqueue.queues_max: how many queues there may be, of all users together.
std::size_t mq_queues_max();
/// RLIMIT_MSGQUEUE of this process, in bytes; SIZE_MAX if there is none.
std::size_t mq_quota();

}  // namespace ipc::sys
