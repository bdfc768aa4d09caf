#include "ipc/bare/sysv_queue.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "ipc/sys/file.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::bare {
namespace {

constexpr std::size_t kLongest = 8192;  // kernel.msgmax, unless somebody has changed it
constexpr long kType = 1;
constexpr auto kLook = std::chrono::milliseconds(20);

key_t key_of(const std::string& text) {
  key_t key = 0;
  if (!sys::read_key(text, key))
    throw Error(Trouble::invalid, EINVAL,
                "address " + text +
                    ": a bare System V queue is called by its key, 0x4711 for "
                    "example (ipcs -q shows them)");
  return key;
}

sys::Lease::Terms terms_of(const Options& options) {
  return {.kind = "sysv-mq",
          // It may be somebody else's; it is adopted once we know that it is not.
          .home = sys::Home::none,
          .mode = options.mode.value_or(0600),
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = static_cast<std::uint32_t>(options.max_senders.value_or(kMaxSenders)),
          .bare = true};
}

}  // namespace

int make_queue(const std::string& key, const Options& options) {
  const mode_t mode = options.mode.value_or(0600);
  const auto made = sys::make_message_queue(key_of(key), mode, "a new queue with this key");
  const auto limits = sys::message_queue_limits();
  if (made.error == EEXIST) return -1;
  if (made.error == ENOSPC)
    throw Error(Trouble::limit, ENOSPC,
                "msgget " + key + ": this system allows " + std::to_string(limits.queues) +
                    " queues (kernel.msgmni): remove some (ipcs -q, ipcrm -q ID), or raise it with "
                    "sysctl(8)");
  const int queue = made.check(key).fd();
  if (!options.capacity) return queue;
  const auto set =
      sys::set_message_queue(queue, *options.capacity, mode, "how much may wait in it");
  if (set.ok()) return queue;
  (void)sys::remove_message_queue(queue, "it is not to be had as it should be");
  if (set.error != EPERM) set.check(key);
  throw Error(Trouble::limit, EPERM,
              "msgctl " + key + ": a queue of " + std::to_string(*options.capacity) +
                  " bytes is beyond kernel.msgmnb = " + std::to_string(limits.queue) +
                  ": ask for less capacity, or raise it with sysctl(8)");
}

int find_queue(const std::string& key) {
  const auto found = sys::find_message_queue(key_of(key), "to send to");
  if (found.error == ENOENT)
    throw Error(Trouble::no_receiver, ENOENT, "connect " + key + ": no such queue");
  return found.check(key).fd();
}

std::size_t longest_message(int queue) {
  sys::QueueState state;
  (void)sys::stat_message_queue(queue, state, "how much does it hold?").check("");
  return std::min(sys::message_queue_limits().message, state.capacity);
}

Basket::Basket() : room_(sizeof(sys::MessageHeader) + kLongest) {}

std::optional<Bytes> Basket::take(int queue) {
  for (;;) {
    const auto got = sys::msgrcv(queue, room_, "one message, if there is one");
    if (got.ok()) return Bytes(room_).subspan(sizeof(sys::MessageHeader), got.count());
    if (got.error == ENOMSG) return std::nullopt;
    if (got.error != E2BIG) got.check("");
    room_.resize(room_.size() * 2);  // kernel.msgmax has been raised
  }
}

Letter::Letter() {
  const sys::MessageHeader header{kType};
  bytes_.resize(sizeof header);
  std::memcpy(bytes_.data(), &header, sizeof header);
}

Bytes Letter::with(Bytes a, Bytes b) {
  bytes_.resize(sizeof(sys::MessageHeader));
  bytes_.insert(bytes_.end(), a.begin(), a.end());
  bytes_.insert(bytes_.end(), b.begin(), b.end());
  return bytes_;
}

SysvQueueReceiver::SysvQueueReceiver(const std::string& address, const Options& options)
    : Receiver(address),
      lease_(sys::resolve(address), terms_of(options), [](const std::string&) {}),
      queue_(make_queue(address, options)) {
  if (queue_ >= 0)
    lease_.adopt(sys::Home::sysv_queue);
  else
    queue_ = find_queue(address);
}

Received SysvQueueReceiver::do_receive(Deadline deadline) {
  for (;;) {
    if (const auto message = basket_.take(queue_)) return {Status::ok, *message};
    if (timer_.is_open()) sys::clear_timer(timer_.get(), "it has done its work");
    if (deadline.expired()) return {};
    sys::wait_readable(do_readiness_fd(), deadline, "nobody tells: look again in 20 ms");
  }
}

int SysvQueueReceiver::do_readiness_fd() {
  if (!timer_.is_open()) {
    timer_ = sys::make_timer("for want of anything to wait for");
    sys::set_timer(timer_.get(), kLook, "look every 20 ms");
  }
  return timer_.get();
}

SysvQueueSender::SysvQueueSender(const std::string& address)
    : SysvQueueSender(find_queue(address)) {}

Status SysvQueueSender::do_send(Bytes message, Deadline deadline) {
  const Bytes letter = letter_.with(message, {});
  for (;;) {
    const auto sent = sys::msgsnd(queue_, letter, "one message, whole or not at all");
    if (sent.ok()) return Status::ok;
    if (sent.error == EIDRM || sent.error == EINVAL) return Status::closed;
    if (sent.error != EAGAIN) sent.check("");
    if (deadline.expired()) return Status::timed_out;
    // poll(2) passes over a negative descriptor, and so only waits.
    sys::wait_readable(-1, std::min(deadline, Deadline::after(kLook)),
                       "full, and nobody tells: look again in 20 ms");
  }
}

}  // namespace ipc::bare
