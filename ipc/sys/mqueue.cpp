#include "ipc/sys/mqueue.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>

#include <cstdint>
#include <fstream>

#include "ipc/sys/show.hpp"

namespace ipc::sys {
namespace {

// The C library strips the slash that POSIX asks for; what is shown is what the kernel gets.
std::string shown_name(const std::string& name) {
  return shown::text(name.starts_with('/') ? name.substr(1) : name);
}

std::size_t setting(const char* name, std::size_t usual) {
  std::ifstream(std::string("/proc/sys/fs/mqueue/") + name) >> usual;
  return usual;
}

}  // namespace

Result mq_make(const std::string& name, int access, mode_t mode, const QueueGeometry& geometry,
               const char* why) {
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(geometry.messages);
  attributes.mq_msgsize = static_cast<long>(geometry.message_size);
  const int flags = access | O_CREAT | O_EXCL | O_NONBLOCK | O_CLOEXEC;
  return perform(
      "mq_open", why, [&] { return ::mq_open(name.c_str(), flags, mode, &attributes); },
      [&] {
        return shown::list(shown_name(name), shown::open_flags(flags), shown::mode(mode),
                           "{mq_flags=0, mq_maxmsg=" + std::to_string(geometry.messages) +
                               ", mq_msgsize=" + std::to_string(geometry.message_size) +
                               ", mq_curmsgs=0}");
      });
}

Result mq_open(const std::string& name, int access, const char* why) {
  const int flags = access | O_NONBLOCK | O_CLOEXEC;
  return perform(
      "mq_open", why, [&] { return ::mq_open(name.c_str(), flags); },
      [&] { return shown::list(shown_name(name), shown::open_flags(flags)); });
}

Result mq_getattr(int queue, QueueGeometry& geometry, std::size_t& waiting, const char* why) {
  mq_attr attributes{};
  const Result result = perform(
      "mq_getsetattr", why, [&] { return ::mq_getattr(queue, &attributes); },
      [&] { return shown::list(queue, "NULL", "{}"); });
  geometry = {static_cast<std::size_t>(attributes.mq_maxmsg),
              static_cast<std::size_t>(attributes.mq_msgsize)};
  waiting = static_cast<std::size_t>(attributes.mq_curmsgs);
  return result;
}

Result mq_send(int queue, std::span<const std::byte> message, unsigned priority, const char* why) {
  return perform(
      "mq_timedsend", why,
      [&] {
        return ::mq_send(queue, reinterpret_cast<const char*>(message.data()), message.size(),
                         priority);
      },
      [&] {
        return shown::list(queue, shown::bytes(message.size()), message.size(), priority, "NULL");
      });
}

Result mq_receive(int queue, std::span<std::byte> room, unsigned& priority, const char* why) {
  return perform(
      "mq_timedreceive", why,
      [&] {
        return ::mq_receive(queue, reinterpret_cast<char*>(room.data()), room.size(), &priority);
      },
      [&] { return shown::list(queue, "room", room.size(), "priority", "NULL"); });
}

Result mq_unlink(const std::string& name, const char* why) {
  return perform(
      "mq_unlink", why, [&] { return ::mq_unlink(name.c_str()); },
      [&] { return shown_name(name); });
}

QueueGeometry mq_ceiling() {
  return {setting("msg_max", 10), setting("msgsize_max", 8192)};
}

std::size_t mq_queues_max() {
  return setting("queues_max", 256);
}

std::size_t mq_quota() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_MSGQUEUE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur;
}

}  // namespace ipc::sys
