#include "ipc/sys/sysv.hpp"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include <charconv>
#include <fstream>

#include "ipc/sys/name.hpp"
#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

std::string shown_key(key_t key) {
  std::string digits(8, '0');
  auto left = static_cast<std::uint32_t>(key);
  for (std::size_t i = digits.size(); left != 0; left >>= 4)
    digits[--i] = "0123456789abcdef"[left & 15];
  return "0x" + digits;
}

std::size_t setting(const char* name, std::size_t usual) {
  std::ifstream(std::string("/proc/sys/kernel/") + name) >> usual;
  return usual;
}

}  // namespace

std::string message_queue_key(const std::string& object) {
  if (!is_far_object_name(object)) return object;
  const auto digits = object.substr(object.find('.') + 1, 8);
  // Key 0 is IPC_PRIVATE, which nobody could find; the key before it is as good as any.
  return "0x" + (digits == "00000000" ? "ffffffff" : digits);
}

bool read_key(const std::string& text, key_t& key) {
  std::string_view digits = text;
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.starts_with("0")) {
    base = 8;
  }
  std::uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc{} || end != digits.data() + digits.size() || number == 0) return false;
  key = static_cast<key_t>(number);
  return true;
}

Result make_message_queue(key_t key, mode_t mode, const char* why) {
  const int flags = IPC_CREAT | IPC_EXCL | static_cast<int>(mode);
  return perform(
      "msgget", why, [&] { return ::msgget(key, flags); },
      [&] { return shown::list(shown_key(key), "IPC_CREAT|IPC_EXCL|" + shown::mode(mode)); });
}

Result find_message_queue(key_t key, const char* why) {
  return perform(
      "msgget", why, [&] { return ::msgget(key, 0); },
      [&] { return shown::list(shown_key(key), "000"); });
}

Result msgsnd(int queue, std::span<const std::byte> message, const char* why) {
  const std::size_t size = message.size() - sizeof(MessageHeader);
  return perform(
      "msgsnd", why, [&] { return ::msgsnd(queue, message.data(), size, IPC_NOWAIT); },
      [&] { return shown::list(queue, shown::bytes(size), size, "IPC_NOWAIT"); });
}

Result msgrcv(int queue, std::span<std::byte> room, const char* why) {
  const std::size_t size = room.size() - sizeof(MessageHeader);
  return perform(
      "msgrcv", why, [&] { return ::msgrcv(queue, room.data(), size, 0, IPC_NOWAIT); },
      [&] { return shown::list(queue, "room", size, 0, "IPC_NOWAIT"); });
}

Result stat_message_queue(int queue, QueueState& state, const char* why) {
  msqid_ds about{};
  const Result result = perform(
      "msgctl", why, [&] { return ::msgctl(queue, IPC_STAT, &about); },
      [&] { return shown::list(queue, "IPC_STAT", "{}"); });
  state = {about.msg_qbytes, about.msg_qnum, about.msg_perm.cuid};
  return result;
}

Result set_message_queue(int queue, std::size_t capacity, mode_t mode, const char* why) {
  msqid_ds about{};
  const Result known = perform(
      "msgctl", "what stays as it is", [&] { return ::msgctl(queue, IPC_STAT, &about); },
      [&] { return shown::list(queue, "IPC_STAT", "{}"); });
  if (!known.ok()) return known;
  about.msg_qbytes = capacity;
  about.msg_perm.mode = static_cast<decltype(about.msg_perm.mode)>(mode);
  return perform(
      "msgctl", why, [&] { return ::msgctl(queue, IPC_SET, &about); },
      [&] {
        return shown::list(queue, "IPC_SET",
                           "{msg_perm={mode=" + shown::mode(mode) +
                               "}, msg_qbytes=" + std::to_string(capacity) + "}");
      });
}

Result remove_message_queue(int queue, const char* why) {
  return perform(
      "msgctl", why, [&] { return ::msgctl(queue, IPC_RMID, nullptr); },
      [&] { return shown::list(queue, "IPC_RMID", "NULL"); });
}

bool remove_message_queue(const std::string& key_text, const char* why) {
  key_t key = 0;
  if (!read_key(key_text, key)) return true;
  const Result found = find_message_queue(key, why);
  if (!found.ok()) return found.error == ENOENT || found.error == EACCES;
  QueueState state;
  // Keys are 32 bits and everybody's: one that another user has made by the same number stays.
  if (!stat_message_queue(found.fd(), state, "is it of this user?").ok()) return false;
  return state.creator != ::geteuid() || remove_message_queue(found.fd(), why).ok();
}

MessageQueueLimits message_queue_limits() {
  return {setting("msgmax", 8192), setting("msgmnb", 16384), setting("msgmni", 32000)};
}

}  // namespace ipc::sys
