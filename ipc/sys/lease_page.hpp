// What a lease file holds, byte by byte. The receiver creates it complete; afterwards every field
// has one writer, and all of it is mapped by everybody.
//
//      0  LeasePage     who receives, over what, under which limits
//   2048  DurableState  of durable objects only: what must outlive a receiver
//   3072  what the kind itself has to share
//   4096  Slot[0]       one place for one sender; it is taken by locking byte 1 of the file
//   4160  Slot[1]       byte 2 ...
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "ipc/sys/futex.hpp"

namespace ipc::sys {

/// Where the object of a lease lives, hence how a leftover is removed.
enum class Home : std::uint32_t {
  none,  ///< Nothing but the lease itself.
  path,  ///< A file system object beside the lease: ".TOKEN.KIND", or the address itself if bare.
  abstract,    ///< A socket's name in the abstract namespace, unix(7); it goes with the socket.
  shm,         ///< A file in /dev/shm, shm_overview(7): "ipc.TOKEN".
  mqueue,      ///< A POSIX message queue, mq_overview(7): "/ipc.TOKEN", or "/NAME" if bare.
  sysv_queue,  ///< A System V message queue, sysvipc(7): its key is the front of the TOKEN.
  directory,   ///< A directory beside the lease, with tmp/ and new/ in it.
  shm_queues,  ///< Files in /dev/shm that senders make: "ipc.TOKEN.SLOT.GENERATION".
};

inline constexpr char kLeaseMagic[8] = {'i', 'p', 'c', 'w', 'a', 'y', 's', 'L'};
inline constexpr std::uint32_t kLeaseVersion = 1;
inline constexpr std::size_t kLeaseHeader = 4096;
inline constexpr std::size_t kDurableOffset = 2048;
inline constexpr std::size_t kKindRoomOffset = 3072;
inline constexpr std::size_t kKindRoom = kLeaseHeader - kKindRoomOffset;
inline constexpr std::uint32_t kMostSlots = 4096;

struct LeasePage {
  char magic[8];
  std::uint32_t version;
  std::uint32_t max_senders;
  std::uint64_t max_message;
  char kind[16];
  char object[64];  ///< The object's own name, recorded before the object is made.
  Home home;
  std::uint32_t bare;        ///< 1: the object is the address itself and speaks without frames.
  std::int32_t pid;          ///< For people, like the two below; liveness is the lock on byte 0.
  std::uint32_t durable;     ///< 1: the object outlives its receivers (sys/durable_lease.hpp).
  std::uint64_t start_time;  ///< Field 22 of /proc/PID/stat, proc(5).
  char program[64];
};
static_assert(sizeof(LeasePage) <= kDurableOffset);

/// What must outlive each of those who use a durable object.
struct DurableState {
  std::atomic<std::uint32_t> closed;     ///< Receiver: sum of the generations at the last `closed`.
  std::atomic<std::uint32_t> receivers;  ///< How many there have been, the present one included.
  std::atomic<std::uint64_t> put;        ///< Senders: how much was put in; the kind's own measure.
  std::atomic<std::uint64_t> position;   ///< Receiver: how much of it is consumed.
  std::atomic<std::uint64_t> ticket;     ///< Senders: the number of the next message of all.
  std::atomic<std::uint64_t> capacity;   ///< Receiver: how much may wait unread.
  Awaited room;                          ///< Receiver tells senders: there is more room.
  Awaited turn;                          ///< Senders tell each other: the object's lock is free.
};
static_assert(kDurableOffset + sizeof(DurableState) <= kKindRoomOffset);

enum class Place : std::uint8_t { empty, live, goodbye };

/// The owner of a slot, in one word so that a claim is one store: a sender killed while claiming
/// has claimed or has not.
struct Tenure {
  std::uint32_t generation = 0;  ///< How many senders have had the slot, this one included.
  std::uint32_t unclean = 0;     ///< How many of the earlier ones left without a goodbye; 24 bits.
  Place place = Place::empty;

  std::uint64_t packed() const {
    return std::uint64_t{generation} << 32 | std::uint64_t{unclean & 0xffffff} << 8 |
           static_cast<std::uint64_t>(place);
  }
  static Tenure unpacked(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32),
            static_cast<std::uint32_t>(word >> 8) & 0xffffff, static_cast<Place>(word & 0xff)};
  }
};

/// Which of a slot's latest owners died: tenure counts them, this names them. Bit i stands for the
/// owner of generation `generation - 1 - i`.
struct Ends {
  std::uint32_t generation = 0;  ///< Whose owner wrote this.
  std::uint32_t died = 0;

  std::uint64_t packed() const { return std::uint64_t{generation} << 32 | died; }
  static Ends unpacked(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
  /// Whether that owner died; empty if it has not been followed yet, or by more than 32.
  std::optional<bool> of(std::uint32_t owner) const {
    const std::uint32_t back = generation - 1 - owner;
    if (back >= 32) return std::nullopt;
    return (died >> back & 1) != 0;
  }
};

struct alignas(64) Slot {
  std::atomic<std::uint64_t> tenure;  ///< Tenure::packed(); written by the sender.
  std::atomic<std::uint64_t> ends;    ///< Ends::packed(); written by the sender before its tenure.
  std::atomic<std::uint64_t>
      taken;                      ///< Receiver: generation << 32 | messages consumed, modulo 2^32.
  std::atomic<std::int32_t> pid;  ///< Sender: who it says it is; 0 while unknown.
  std::atomic<std::uint32_t> waiting;  ///< Sender: 1 while it waits for `taken` to grow.
  std::atomic<std::uint32_t> bell;     ///< Receiver: a futex word, changed and woken if `waiting`.
  std::atomic<std::uint32_t> deaths_told;  ///< Receiver: of deaths among the owners.
  std::atomic<std::uint32_t> priority;     ///< Sender: in kinds that do not keep one order for all.
  // For kinds that count frames, because the channel does not tell when it is full. With a channel for
  // each owner, `frames` says by its generation which is the last whose channel has been removed.
  std::atomic<std::uint64_t> frames;  ///< Receiver: generation << 32 | frames taken, modulo 2^32.
  std::atomic<std::uint32_t> room_wanted;  ///< Sender: 1 while it waits for ...
  std::atomic<std::uint32_t> room_at;      ///< ... `frames` to come to this.
};
static_assert(sizeof(Slot) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

/// The tenure of the next owner of a slot, which only whoever has the slot may ask for. It is to be
/// stored by release; the predecessor's end has been written by then. Who is killed in between has
/// changed nothing that the next one does not write again.
inline Tenure succeed(Slot& slot) {
  Tenure tenure = Tenure::unpacked(slot.tenure.load(std::memory_order_relaxed));
  const bool died = tenure.place == Place::live;  // else it would have said goodbye
  Ends ends = Ends::unpacked(slot.ends.load(std::memory_order_relaxed));
  if (ends.generation != tenure.generation + 1)
    ends = {tenure.generation + 1, ends.died << 1 | (died ? 1u : 0u)};
  slot.ends.store(ends.packed(), std::memory_order_relaxed);
  if (died) ++tenure.unclean;
  ++tenure.generation;
  tenure.place = Place::live;
  return tenure;
}

/// The bytes of the lease file that are locked as signs of life.
inline constexpr off_t kReceiverByte = 0;
inline constexpr off_t kFirstSenderByte = 1;
inline constexpr off_t kTakeOverByte = off_t{1} << 62;

inline std::size_t lease_size(std::uint32_t max_senders) {
  return kLeaseHeader + (std::size_t{max_senders} * sizeof(Slot) + 4095) / 4096 * 4096;
}

inline std::span<Slot> slots_of(void* lease, std::uint32_t max_senders) {
  return {reinterpret_cast<Slot*>(static_cast<std::byte*>(lease) + kLeaseHeader), max_senders};
}

inline void* kind_room_of(void* lease) {
  return static_cast<std::byte*>(lease) + kKindRoomOffset;
}

inline DurableState& durable_state_of(void* lease) {
  return *reinterpret_cast<DurableState*>(static_cast<std::byte*>(lease) + kDurableOffset);
}

/// The number of a connection, unique for one receiver: what frames carry as their sender.
inline std::uint32_t connection_id(std::uint32_t generation, std::uint32_t slot,
                                   std::uint32_t max_senders) {
  return generation * max_senders + slot;
}

}  // namespace ipc::sys
