#include "ipc/sys/queue_quota.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "ipc/sys/file.hpp"
#include "ipc/sys/name.hpp"

namespace ipc::sys {
namespace {

constexpr QueueGeometry kPreferred{10, 8192};
constexpr std::size_t kSmallestMessage = 256;  // less, and headers outweigh what they carry

std::string text_of(const QueueGeometry& geometry) {
  return std::to_string(geometry.messages) + " messages of " +
         std::to_string(geometry.message_size) + " bytes";
}

// The best there is first: the same number of messages, each half as long as before.
std::vector<QueueGeometry> geometries(std::optional<std::size_t> capacity) {
  const QueueGeometry ceiling = mq_ceiling();
  const QueueGeometry best{std::min(kPreferred.messages, ceiling.messages),
                           std::min(kPreferred.message_size, ceiling.message_size)};
  if (capacity) {
    const auto size = std::clamp(*capacity / best.messages / 8 * 8, kSmallestMessage,
                                 std::max(best.message_size, kSmallestMessage));
    return {{std::max<std::size_t>(*capacity / size, 1), size}};
  }
  std::vector<QueueGeometry> all{best};
  while (all.back().message_size / 2 >= kSmallestMessage)
    all.push_back({best.messages, all.back().message_size / 2});
  return all;
}

bool descriptors_are_used_up() {
  const Result opened = open("/", O_PATH | O_CLOEXEC, 0, "is it the descriptors after all?");
  const Fd file(opened.ok() ? opened.fd() : -1);
  return opened.error == EMFILE;
}

std::string raise_quota(std::size_t bytes) {
  return "raise it (ulimit -q " + std::to_string(bytes) + ", for a service LimitMSGQUEUE=)";
}

std::string too_many_queues() {
  return "this system allows " + std::to_string(mq_queues_max()) +
         " message queues in all (fs.mqueue.queues_max): remove some, or raise it with sysctl(8)";
}

[[noreturn]] void refuse(const std::string& name, int error, const QueueGeometry& asked) {
  if (error == EMFILE && descriptors_are_used_up()) throw Error("mq_open", name, EMFILE);
  std::string sentence = "mq_open " + name + ": ";
  if (error == EINVAL)
    sentence += "this system allows at most " + text_of(mq_ceiling()) +
                " in a queue (fs.mqueue.msg_max, fs.mqueue.msgsize_max), asked for " +
                text_of(asked) + ": ask for less capacity, or raise them with sysctl(8)";
  else if (error == EMFILE)
    sentence += "the " + std::to_string(asked.charge()) + " bytes that " + text_of(asked) +
                " take do not fit into what your queues have left of RLIMIT_MSGQUEUE = " +
                std::to_string(mq_quota()) +
                " bytes: end a receiver, remove what others left (ls /dev/mqueue), or " +
                raise_quota(2 * mq_quota());
  else if (error == ENOSPC)
    sentence += too_many_queues();
  else
    throw Error("mq_open", name, error);
  throw Error(Trouble::limit, error, sentence);
}

[[noreturn]] void refuse(std::size_t queues, int error, const QueueGeometry& least) {
  const std::size_t need = queues * least.charge();
  std::string sentence = "mq: " + std::to_string(queues) + " queues do not fit: ";
  if (error == ENOSPC)
    sentence += too_many_queues();
  else
    sentence += "they need at least " + std::to_string(need) + " bytes (each " +
                std::to_string(least.charge()) + " for " + text_of(least) +
                "), and RLIMIT_MSGQUEUE is " + std::to_string(mq_quota()) +
                " for all queues of this user; at most " +
                std::to_string(mq_quota() / least.charge()) + " fit, or " + raise_quota(need);
  throw Error(Trouble::limit, error, sentence);
}

// 0, or the errno of the first that could not be made.
int try_queues(std::size_t queues, const QueueGeometry& geometry) {
  std::vector<std::string> made;
  int error = 0;
  while (error == 0 && made.size() < queues) {
    const auto name = "/" + far_object_name();
    const Result result = mq_make(name, O_RDONLY, 0600, geometry, "would it fit?");
    const Fd closed_at_once(result.ok() ? result.fd() : -1);
    if (result.ok()) made.push_back(name);
    error = result.error == EEXIST ? 0 : result.error;
  }
  for (const auto& name : made) (void)mq_unlink(name, "it was only a trial");
  return error;
}

}  // namespace

bool make_queue(const std::string& name, mode_t mode, std::optional<std::size_t> capacity,
                Queue& queue) {
  Result made;
  for (const QueueGeometry& geometry : geometries(capacity)) {
    queue.geometry = geometry;
    made = mq_make(name, O_RDONLY, mode, geometry, "a new queue, with room for this much");
    // EMFILE is, most likely, the quota: what is smaller may fit.
    if (made.error != EMFILE) break;
  }
  if (made.error == EEXIST) return false;
  if (!made.ok()) refuse(name, made.error, queue.geometry);
  queue.fd = Fd(made.fd());
  (void)fchmod(queue.fd.get(), mode, "exactly this mode, whatever the umask").check(name);
  return true;
}

QueueGeometry fit_queues(std::size_t queues, std::optional<std::size_t> capacity) {
  const auto candidates = geometries(capacity);
  int error = 0;
  for (const QueueGeometry& geometry : candidates) {
    error = try_queues(queues, geometry);
    if (error == 0) return geometry;
    if (error != EMFILE) break;
  }
  if (error != EMFILE && error != ENOSPC) refuse("/ipc.TOKEN", error, candidates.front());
  refuse(queues, error, candidates.back());
}

}  // namespace ipc::sys
