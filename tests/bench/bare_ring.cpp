// Shared memory, bare: what a good afternoon reaches. Slots of one message each, one copy in, read in
// place, and both sides spin; nobody ever sleeps, and nobody survives the death of the other.
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <new>

#include "tests/bench/bare.hpp"

namespace bench {
namespace {

constexpr std::size_t kRing = std::size_t{4} << 20;  // as a lane of shm
constexpr std::size_t kLine = 64;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

struct Head {
  alignas(kLine) std::atomic<std::uint64_t> written;
  alignas(kLine) std::atomic<std::uint64_t> read;
};

class RingChannel final : public Channel {
 public:
  explicit RingChannel(std::size_t size)
      : size_(size),
        stride_((size + kLine - 1) / kLine * kLine),
        slots_(std::bit_floor(std::max<std::size_t>(2, kRing / stride_))),
        bytes_(sizeof(Head) + slots_ * stride_) {
    void* const room = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (room == MAP_FAILED) throw ipc::Error("mmap", "bare", errno);
    head_ = new (room) Head{};
    first_ = static_cast<std::byte*>(room) + sizeof(Head);
  }
  ~RingChannel() override { ::munmap(head_, bytes_); }
  std::unique_ptr<In> in() override { return std::make_unique<Reader>(*this); }
  std::unique_ptr<Out> out() override { return std::make_unique<Writer>(*this); }

 private:
  std::byte* slot(std::uint64_t number) const { return first_ + (number & (slots_ - 1)) * stride_; }
  struct Writer final : Out {
    explicit Writer(const RingChannel& channel) : ring(channel) {}
    void send(Bytes message) override {
      while (number - read_seen == ring.slots_) {
        // Acquire: the reader is done with the slot.
        read_seen = ring.head_->read.load(std::memory_order_acquire);
        if (number - read_seen == ring.slots_) relax();
      }
      std::memcpy(ring.slot(number), message.data(), message.size());
      // Release: who sees the number finds the bytes.
      ring.head_->written.store(++number, std::memory_order_release);
    }
    const RingChannel& ring;
    std::uint64_t number = 0;
    std::uint64_t read_seen = 0;
  };
  struct Reader final : In {
    explicit Reader(const RingChannel& channel) : ring(channel) {}
    Bytes receive() override {
      // Release: the last message has been read.
      ring.head_->read.store(number, std::memory_order_release);
      while (number == written_seen) {
        // Acquire: the slot's bytes are there.
        written_seen = ring.head_->written.load(std::memory_order_acquire);
        if (number == written_seen) relax();
      }
      return {ring.slot(number++), ring.size_};
    }
    const RingChannel& ring;
    std::uint64_t number = 0;
    std::uint64_t written_seen = 0;
  };

  std::size_t size_;
  std::size_t stride_;
  std::size_t slots_;
  std::size_t bytes_;
  Head* head_;
  std::byte* first_;
};

}  // namespace

std::unique_ptr<Channel> bare_ring(std::size_t size) {
  return std::make_unique<RingChannel>(size);
}

}  // namespace bench
