// System calls on System V message queues, sysvipc(7). A queue has a key, a number that processes
// agree on, and an identifier, which msgget(2) finds by the key; the wrappers take the identifier.
// All calls are made with IPC_NOWAIT: a blocking one knows no deadline, and after a signal whether
// to go on is anybody's guess.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "ipc/sys/call.hpp"

namespace ipc::sys {

/// One message as msgsnd(2) takes it: `type` directly before the bytes.
struct MessageHeader {
  long type;
};

/// The key of an object "ipc.TOKEN": the first 8 digits of the token as "0x1a2b3c4d". Of anything
/// else, which is a bare address, the text itself.
std::string message_queue_key(const std::string& object);
/// The number in such a text (0x..., 0... or decimal); false if it is none, or 0, which is
/// IPC_PRIVATE and finds no queue.
bool read_key(const std::string& text, key_t& key);

/// msgget(2) of a new queue; EEXIST if the key is taken.
Result make_message_queue(key_t key, mode_t mode, const char* why);
/// msgget(2) of a queue that is there.
Result find_message_queue(key_t key, const char* why);
/// `message` begins with a MessageHeader; whole or not at all, EAGAIN if there is no room.
Result msgsnd(int queue, std::span<const std::byte> message, const char* why);
/// The oldest message, with its MessageHeader; the result counts the bytes after it. ENOMSG if
/// there is none.
Result msgrcv(int queue, std::span<std::byte> room, const char* why);

struct QueueState {
  std::size_t capacity = 0;  ///< msg_qbytes
  std::size_t waiting = 0;   ///< msg_qnum, messages
  uid_t creator = 0;
};
/// msgctl(2) IPC_STAT.
Result stat_message_queue(int queue, QueueState& state, const char* why);
/// IPC_SET of the capacity and the mode. EPERM if the capacity is beyond kernel.msgmnb.
Result set_message_queue(int queue, std::size_t capacity, mode_t mode, const char* why);
/// IPC_RMID. Who sleeps in the queue is woken with EIDRM.
Result remove_message_queue(int queue, const char* why);
/// Removes the queue with the key in `key`, if this user has made it; false if it is still there.
bool remove_message_queue(const std::string& key, const char* why);

/// What this machine allows: kernel.msgmax (bytes in a message), kernel.msgmnb (bytes in a queue)
/// and kernel.msgmni (queues).
struct MessageQueueLimits {
  std::size_t message = 0;
  std::size_t queue = 0;
  std::size_t queues = 0;
};
MessageQueueLimits message_queue_limits();

}  // namespace ipc::sys
