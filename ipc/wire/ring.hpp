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
//         length|flags, sender, bytes ..., padding to 64
//
// Records begin at a line of the cache, so that no line travels between the cores for two messages;
// and the bytes of one that does not fit into its first line begin with the second. Copied there
// eight bytes further on, half of all stores would touch two lines: a tenth more time for a round trip
// of 1 KiB (measured).
//
// The memory is mapped twice in a row, so that a record that wraps around is contiguous all the same.
// Nothing here makes system calls or waits; the atomics are a template parameter so that a model
// checker can run the very same code.
#pragma once

#include <algorithm>
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

inline constexpr std::size_t kLine = 64;
inline constexpr std::size_t kRecordHeader = 8;
inline constexpr std::uint32_t kLongestRecord = (1u << 28) - 1;

/// What a record is; what stands between its header and its bytes depends on it.
enum class RecordType : std::uint8_t {
  message = 0,   ///< A message, all of it.
  chunk = 1,     ///< A part of one (lanes/chunk.hpp).
  numbered = 2,  ///< A message with its number and checks (wire/numbered.hpp).
  skip = 3,      ///< Nothing, to be passed by.
};

/// How many bytes stand between the header and the bytes.
constexpr std::size_t preface_size(RecordType type) {
  return type == RecordType::chunk ? 12 : type == RecordType::numbered ? 16 : 0;
}

/// Where in a record its bytes begin, if there is to be room for `most` of them.
constexpr std::size_t bytes_begin(RecordType type, std::size_t most) {
  const std::size_t behind = kRecordHeader + preface_size(type);
  return behind + most <= kLine ? behind : kLine;
}

/// From a record whose `length` bytes begin at `begin` to the next.
constexpr std::size_t record_size(std::size_t begin, std::size_t length) {
  return (begin + length + kLine - 1) / kLine * kLine;
}

/// The most bytes that a record of `size` bytes can have.
constexpr std::size_t most_bytes(std::size_t size) {
  return size - kLine;
}

/// The first eight bytes of a record.
struct RecordHeader {
  std::uint32_t word = 0;  ///< length, its 28 lower bits; type << 28; 1 << 31: see bytes_begin()
  std::uint32_t sender = 0;

  static constexpr RecordHeader of(std::uint32_t sender, RecordType type, std::size_t begin,
                                   std::size_t length) {
    return {(begin == kLine ? kApart : 0) | static_cast<std::uint32_t>(type) << 28 |
                static_cast<std::uint32_t>(length),
            sender};
  }
  static RecordHeader at(const std::byte* record) {
    RecordHeader header;
    std::memcpy(&header, record, sizeof header);
    return header;
  }
  std::size_t length() const { return word & kLongestRecord; }
  RecordType type() const { return static_cast<RecordType>(word >> 28 & 7); }
  std::size_t begin() const {
    return (word & kApart) != 0 ? kLine : kRecordHeader + preface_size(type());
  }
  std::size_t size() const { return record_size(begin(), length()); }

 private:
  static constexpr std::uint32_t kApart = 1u << 31;
};
static_assert(sizeof(RecordHeader) == kRecordHeader);

struct Record {
  std::uint32_t sender = 0;
  RecordType type = RecordType::message;
  std::size_t size = 0;  ///< To the next record.
  const std::byte* preface = nullptr;
  std::span<const std::byte> bytes{};
};

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

  /// Room for `most` bytes in a record of that type, or null if with it more than `limit` bytes would
  /// be unread; but a record that is longer than that goes in alone. It must fit into the memory.
  std::byte* reserve(RecordType type, std::size_t most, std::size_t limit) {
    const std::size_t begin = bytes_begin(type, most);
    const std::size_t need = record_size(begin, most);
    if (head_ - tail_ + need > limit) {
      // Acquire: pairs with the consumer's release of `tail`. It has read what lay there, so we may
      // overwrite it.
      tail_ = lane_->tail.load(std::memory_order_acquire);
      if (head_ != tail_ && head_ - tail_ + need > limit) return nullptr;
    }
    type_ = type;
    begin_ = begin;
    return record() + begin;
  }
  /// Where the record begins whose room reserve() has lent.
  std::byte* record() const { return memory_ + (head_ & (size_ - 1)); }
  /// Where its preface does.
  std::byte* preface() const { return record() + kRecordHeader; }
  /// Its header, if it gets `length` bytes of what was reserved.
  RecordHeader header(std::uint32_t sender, std::size_t length) const {
    return RecordHeader::of(sender, type_, begin_, length);
  }

  /// Makes what was reserved a record of that many bytes, which nobody sees yet; returns its size.
  std::size_t finish(std::uint32_t sender, std::size_t length) {
    const RecordHeader mine = header(sender, length);
    std::memcpy(record(), &mine, sizeof mine);
    finished_ = head_ + mine.size();
    return mine.size();
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
  RecordType type_{};           ///< Of what is reserved ...
  std::size_t begin_ = 0;       ///< ... and where its bytes begin.
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
      if (head_ - tail_ > size_ || head_ - tail_ < kLine) return damaged();
      fetch();
    }
    const std::byte* at = memory_ + (tail_ & (size_ - 1));
    const auto header = RecordHeader::at(at);
    const std::size_t size = header.size();
    if (size > head_ - tail_) return damaged();
    return Record{header.sender,
                  header.type(),
                  size,
                  at + kRecordHeader,
                  {at + header.begin(), header.length()}};
  }

  /// Gives the oldest record's room back; `size` as next() told it.
  void release(std::size_t size) {
    tail_ += size;
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
  // All lines of the next record at once, as far as it is short: by the time that its header has come
  // and been looked at, so has the rest.
  void fetch() const {
    const std::byte* at = memory_ + (tail_ & (size_ - 1));
    const auto end = at + std::min<std::uint64_t>(head_ - tail_, 17 * kLine);
    for (; at < end; at += kLine) __builtin_prefetch(at);
  }
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
