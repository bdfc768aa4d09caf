#include "tools/crawler/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "tools/crawler/answer.hpp"
#include "tools/crawler/protocol.hpp"

namespace crawler {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t messages_at_once = 64;  // taken before the downloads get their turn
constexpr auto work_at_once = 20ms;           // spent on extracting text before they do
constexpr auto retry_pause = 5ms;             // until a full channel is tried again
constexpr std::chrono::milliseconds longest_patience = 4s;
constexpr auto silence = 2s;  // of a master that pings each second, before it is looked for

// A long message passes through a short channel only while the master reads: the longer it is, the
// longer the worker stays with it, but not so long that a server could notice. On a busy machine that
// may be too short for what is many signals, so it grows further, but slowly: a master that does not
// read at all must not stop the downloads.
std::chrono::milliseconds more_patience(std::chrono::milliseconds before, std::size_t size) {
  const auto usual = 200ms + 100ms * static_cast<int>(size >> 20);
  if (before < usual) return std::min(std::max(2 * before, 10ms), usual);
  return std::min(before * 5 / 4, longest_patience);
}

}  // namespace

Worker::Worker(const WorkerOptions& options, int stop_fd)
    : options_(options),
      inbox_(pool::listen(options)),
      master_(pool::connect(options)),
      fetcher_(options.limits),
      watched_{{inbox_->readiness_fd()}},
      heard_(Clock::now()) {
  if (options_.lifeline_fd) watched_.push_back({*options_.lifeline_fd});
  if (stop_fd >= 0) watched_.push_back({stop_fd});
  say_hello();
}

void Worker::run() {
  while (!is_over_) {
    fetcher_.wait(watched_, has_more_ ? ipc::Deadline::at_once() : next_turn());
    if (std::any_of(watched_.begin() + 1, watched_.end(),
                    [](const Watched& each) { return each.readable; }))
      return;
    if (has_more_ || watched_[0].readable) take_messages();
    answer_finished();
    flush();
    if (Clock::now() - heard_ > silence) probe_master();
  }
}

ipc::Deadline Worker::next_turn() const {
  if (!unsent_.empty()) return ipc::Deadline::after(retry_pause);
  return ipc::Deadline::at(heard_ + silence);
}

void Worker::say_hello() {
  pool::Envelope hello = pool::envelope_from(options_, pool::Type::hello);
  hello.about = write_hello({.pid = ::getpid(),
                             .slots = options_.limits.slots,
                             .inbox = options_.inbox_fd ? "" : inbox_->address()});
  unsent_.push_back({hello.type, pool::encode(hello)});
  flush();
}

void Worker::take_messages() {
  for (std::size_t i = 0; i < messages_at_once && !is_over_; ++i) {
    const ipc::Received received = inbox_->receive(ipc::Deadline::at_once());
    has_more_ = received.status != ipc::Status::timed_out;
    if (!has_more_) return;
    if (received.status != ipc::Status::ok) {
      // Some sender of ours has left; perhaps it was the master.
      probe_master();
      continue;
    }
    const pool::Decoded decoded = pool::decode(received.message);
    if (!decoded)
      spdlog::warn("dropped a message: {}", decoded.problem);
    else if (is_addressed(*decoded.envelope))
      take(*decoded.envelope);
  }
}

bool Worker::is_addressed(const pool::Envelope& envelope) {
  if (envelope.run != options_.run) return false;
  if (options_.slot == 0 && envelope.slot != 0) {  // joined by hand: now we learn who we are
    options_.slot = envelope.slot;
    options_.generation = envelope.generation;
  }
  return envelope.slot == options_.slot && envelope.generation == options_.generation;
}

void Worker::take(const pool::Envelope& envelope) {
  heard_ = Clock::now();
  switch (envelope.type) {
    case pool::Type::task:
      return take_task(envelope);
    case pool::Type::ping:
      return send_pong();
    case pool::Type::stop:
      is_over_ = true;
      return;
    case pool::Type::hello:
    case pool::Type::result:
    case pool::Type::pong:
      spdlog::warn("dropped a message: {} is not for workers", pool::to_string(envelope.type));
  }
}

void Worker::take_task(const pool::Envelope& envelope) {
  if (tasks_.size() + unsent_.size() > 2 * options_.limits.slots)
    return spdlog::warn("dropped task {}: there are more than slots", envelope.task);
  tasks_[++numbers_] = {envelope.task, envelope.attempt};
  fetcher_.start(numbers_, std::string(pool::as_text(envelope.body)));
}

void Worker::answer_finished() {
  const Clock::time_point end = Clock::now() + work_at_once;
  do {
    const std::optional<Fetched> fetched = fetcher_.next();
    if (!fetched) return;
    const auto task = tasks_.find(fetched->id);
    pool::Envelope result = pool::envelope_from(options_, pool::Type::result);
    result.task = task->second.id;
    result.attempt = task->second.attempt;
    tasks_.erase(task);
    unsent_.push_back({result.type, message_of(result, page_of(*fetched, options_.limits),
                                               master_->max_message())});
  } while (Clock::now() < end);
}

void Worker::send_pong() {
  // One says as much as many, should the master not read for a while.
  for (const Message& message : unsent_)
    if (message.type == pool::Type::pong) return;
  const pool::Envelope pong = pool::envelope_from(options_, pool::Type::pong);
  unsent_.push_back({pong.type, pool::encode(pong)});
}

void Worker::flush() {
  while (!unsent_.empty()) {
    const auto& message = unsent_.front().bytes;
    const ipc::Deadline deadline =
        patience_ == 0ms ? ipc::Deadline::at_once() : ipc::Deadline::after(patience_);
    switch (master_->send(message, deadline)) {
      case ipc::Status::ok:
        unsent_.pop_front();
        patience_ = 0ms;
        break;
      case ipc::Status::timed_out:
        // One page goes whole or not at all, so waiting is of use for longer ones only.
        if (message.size() > 4096) patience_ = more_patience(patience_, message.size());
        return;
      default:
        is_over_ = true;
        return;
    }
  }
}

// A pong that nobody asked for: sending tells whether the master's inbox still has its receiver.
void Worker::probe_master() {
  heard_ = Clock::now();
  send_pong();
  flush();
}

}  // namespace crawler
