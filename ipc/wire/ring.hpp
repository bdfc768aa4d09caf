// One lane: a ring of bytes in shared memory with one producer and one consumer.
//
// A message is published by one store: the producer writes the record behind `head`, then moves
// `head` past it with release order. Killed before that store it has published nothing, after it all
// of it. There is no lock and nothing to repair; the next producer of the lane goes on at `head`. A
// ring that several producers share has no such moment: between the reservation of the room and its
// commit lies a gap that nobody but the killed one would ever fill (6 ms of random kills, measured).
//
//      tail                      head
//        |  records to be read    |  free, or being written
//   -----+==========+======+======+------------------------
//         length|flags, sender, bytes ..., padding to 8
//
// The memory is mapped twice in a row, so that a record that wraps around is contiguous all the same.
// Nothing here makes system calls or waits; the atomics are a template parameter so that a model
// checker can run the very same code.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace ipc::wire {

// Aligned so that a lane in a file lies within one sector of the disk: after a power cut, too, its
// head and its tail are of the same moment.
template <template <class> class Atomic>
struct alignas(256) BasicLane {
  // Written by the producer, read by the consumer.
  alignas(64) Atomic<std::uint64_t> head;  ///< Bytes published since the lane was made.
  // The same, but on a line of their own: they are looked at often and change rarely, whereas the
  // line of `head` moves between the cores with every message.
  alignas(64) Atomic<std::uint32_t> waiting;  ///< 1: the producer sleeps on `space`.
  Atomic<std::uint32_t> cpu;                  ///< Where the producer last ran, plus 1.
  // Written by the consumer, read by the producer when it seems full.
  alignas(64) Atomic<std::uint64_t> tail;  ///< Bytes given back.
  Atomic<std::uint32_t> space;             ///< A futex word, changed when room is made.
};
using Lane = BasicLane<std::atomic>;
static_assert(sizeof(Lane) == 256);

struct Record {
  std::uint32_t sender = 0;
  std::uint8_t flags = 0;
  std::span<const std::byte> bytes{};
};

inline constexpr std::size_t kRecordHeader = 8;
inline constexpr std::uint32_t kLongestRecord = (1u << 28) - 1;

constexpr std::size_t record_size(std::size_t length) {
  return kRecordHeader + (length + 7) / 8 * 8;
}

/// The first four bytes of a record; the other four are its sender.
constexpr std::uint32_t first_word(std::size_t length, std::uint8_t flags) {
  return std::uint32_t{flags} << 28 | static_cast<std::uint32_t>(length);
}

/// The sender's end. `memory` is the lane's `size` bytes, mapped twice in a row; `size` is a power of
/// two. One thread of one process at a time.
template <template <class> class Atomic = std::atomic>
class Producer {
 public:
  Producer(BasicLane<Atomic>& lane, std::byte* memory, std::size_t size)
      : lane_(&lane),
        memory_(memory),
        size_(size),
        // Relaxed: a predecessor's store is ours to see, because its lock had to be free first.
        head_(lane.head.load(std::memory_order_relaxed)),
        tail_(lane.tail.load(std::memory_order_acquire)) {}

  /// Room for a record of `length` bytes, or null if with it more than `limit` bytes would be
  /// unread; but a record that is longer than that goes in alone. It must fit into the memory.
  std::byte* reserve(std::size_t length, std::size_t limit) {
    const std::size_t need = record_size(length);
    if (head_ - tail_ + need > limit) {
      // Acquire: pairs with the consumer's release of `tail`. It has read what lay there, so we may
      // overwrite it.
      tail_ = lane_->tail.load(std::memory_order_acquire);
      if (head_ != tail_ && head_ - tail_ + need > limit) return nullptr;
    }
    return room();
  }
  /// What reserve() has lent.
  std::byte* room() const { return memory_ + (head_ & (size_ - 1)) + kRecordHeader; }

  /// Makes the first `length` bytes of what was reserved a record, which nobody sees yet.
  void finish(std::uint32_t sender, std::size_t length, std::uint8_t flags) {
    const std::uint32_t words[2] = {first_word(length, flags), sender};
    std::memcpy(memory_ + (head_ & (size_ - 1)), words, sizeof words);
    finished_ = head_ + record_size(length);
  }
  /// Publishes what was finished.
  void publish() {
    head_ = finished_;
    // Release: publishes the record to the consumer's acquire of `head`.
    lane_->head.store(head_, std::memory_order_release);
  }

  /// How many bytes have been published since the lane was made: where the next record begins.
  std::uint64_t position() const { return head_; }

 private:
  BasicLane<Atomic>* lane_;
  std::byte* memory_;
  std::size_t size_;
  std::uint64_t head_;
  std::uint64_t finished_ = 0;  ///< What `head` will be.
  std::uint64_t tail_;          ///< As of the last look.
};

/// The receiver's end; the same rules. What the producer wrote is checked, not trusted.
template <template <class> class Atomic = std::atomic>
class Consumer {
 public:
  Consumer() = default;
  Consumer(BasicLane<Atomic>& lane, const std::byte* memory, std::size_t size)
      : lane_(&lane),
        memory_(memory),
        size_(size),
        head_(lane.tail.load(std::memory_order_relaxed)),
        tail_(head_) {}

  /// The oldest record, or nothing. It stays where it is until release().
  std::optional<Record> next() {
    if (tail_ == head_) {
      // Acquire: pairs with the producer's release of `head`.
      head_ = lane_->head.load(std::memory_order_acquire);
      if (tail_ == head_) return std::nullopt;
      if (head_ - tail_ > size_ || head_ - tail_ < kRecordHeader) return damaged();
    }
    const std::byte* at = memory_ + (tail_ & (size_ - 1));
    std::uint32_t words[2];
    std::memcpy(words, at, sizeof words);
    const std::size_t length = words[0] & kLongestRecord;
    if (record_size(length) > head_ - tail_) return damaged();
    return Record{
        words[1], static_cast<std::uint8_t>(words[0] >> 28), {at + kRecordHeader, length}};
  }

  /// Gives the oldest record's room back.
  void release(const Record& record) {
    tail_ += record_size(record.bytes.size());
    // Release: our reads of the record are done before the producer may overwrite it.
    lane_->tail.store(tail_, std::memory_order_release);
  }

  bool is_empty() const { return tail_ == lane_->head.load(std::memory_order_acquire); }
  std::uint64_t used() const { return head_ - tail_; }
  /// How many bytes have been given back since the lane was made.
  std::uint64_t position() const { return tail_; }
  /// Bytes that were no records: somebody scribbled over the lane.
  std::uint64_t skipped() const { return skipped_; }

 private:
  // Where the next record begins is lost, so everything published so far is.
  std::optional<Record> damaged() {
    skipped_ += head_ - tail_ < size_ ? head_ - tail_ : size_;
    tail_ = head_;
    lane_->tail.store(tail_, std::memory_order_release);
    return std::nullopt;
  }

  BasicLane<Atomic>* lane_ = nullptr;
  const std::byte* memory_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t head_ = 0;  ///< As of the last look.
  std::uint64_t tail_ = 0;
  std::uint64_t skipped_ = 0;
};

}  // namespace ipc::wire
