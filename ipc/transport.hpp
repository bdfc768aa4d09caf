// START HERE. Every mechanism of this library behind one interface.
//
// One *receiver* owns an address; any number of *senders*, in other processes, connect to it; whole
// *messages* of 0 bytes to 16 MiB travel from the senders to the receiver. A mechanism is a `Kind`:
// ipc/kinds.hpp lists them, and each file in ipc/kinds/ implements one and explains it.
//
//     auto inbox = ipc::kinds::fifo.listen("demo");              // in one process
//     while (auto got = inbox->receive()) use(got.message);
//
//     auto out = ipc::kinds::fifo.connect("demo");               // in another
//     if (out->send(bytes) != ipc::Status::ok) ...
//
// What every kind promises (the sentences of docs/contract.md, each one tested on each kind):
//
//   1. Messages arrive whole, unaltered, in order per sender; the empty message and NUL bytes too.
//   2. From 0 bytes to 16 MiB (`Options::max_message`); longer is EMSGSIZE, naming the limit.
//   3. Up to `max_senders` senders at once; their messages never mix.
//   4. A full channel makes the sender wait, never drops. A deadline is kept, and never early. What
//      a timed-out send had begun is never delivered.
//   5. A received message stays intact until the next receive on the same object.
//   6. The end of the other side is told within a second, however it came.
//   7. A process killed at any instant loses at most its own unfinished message.
//   8. A second receiver on a live address is refused; a dead one's address is taken over.
//   9. Interruption by signals changes nothing.
//  10. Objects are 0600 whatever the umask, descriptors close on exec, nothing is left behind.
//  11. A limit of the system is an error that names the limit, its value and the remedy.
//
// Where a kind cannot keep a sentence its traits say so.
//
// Threads: an object is used by one thread at a time; make a sender per thread. Forks: an object
// belongs to the process that made it; in a forked child its functions throw std::logic_error and
// its destructor does nothing. Failures that nobody plans for are exceptions (ipc::Error,
// sys/error.hpp).
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/sys/deadline.hpp"
#include "ipc/sys/error.hpp"

namespace ipc {

using Bytes = std::span<const std::byte>;

/// What every kind carries unless Options::max_message says otherwise, in bytes; also its ceiling.
inline constexpr std::size_t kMaxMessage = std::size_t{16} << 20;
/// How many senders may be connected to one receiver at a time unless Options::max_senders says
/// otherwise.
inline constexpr std::size_t kMaxSenders = 64;
/// The ceiling of Options::max_senders.
inline constexpr std::size_t kMostSenders = 4096;

/// What became of a wait. All else is an ipc::Error.
enum class Status {
  ok,
  timed_out,  ///< The deadline passed first.
  closed,     ///< receive: the last sender has left. send: the receiver is gone.
  died,       ///< receive only: one sender ended without a goodbye.
};
std::string_view to_string(Status);

/// Who sent a message, or who died.
struct Peer {
  std::uint32_t id = 0;              ///< Unique among all connections to this receiver.
  std::optional<pid_t> pid;          ///< Only where the kernel proves it.
  std::optional<uid_t> uid;          ///< Only where the kernel proves it.
  std::optional<pid_t> claimed_pid;  ///< What the sender says of itself.
};

struct [[nodiscard]] Received {
  Status status = Status::timed_out;
  Bytes message{};          ///< With ok. Valid until the next receive on the same receiver.
  Peer peer{};              ///< With ok and died.
  bool unfinished = false;  ///< With died: a message that this sender had begun was dropped.
  bool for_good = false;    ///< With closed: nobody can come any more; nothing else will be told.
  explicit operator bool() const { return status == Status::ok; }
};

class Receiver {
 public:
  virtual ~Receiver() = default;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  /// Waits for the next message, the death of a sender (`died`, once per sender, after its last
  /// whole message) or the end of the last one (`closed`, once; a later sender may come, so a
  /// caller may go on receiving). With Deadline::at_once() it takes what is there.
  Received receive(Deadline deadline = Deadline::never());

  /// A descriptor to poll for reading. It is readable, at the latest 500 ms after, whenever
  /// receive(at_once) would return anything but `timed_out`; it may also wake for nothing. After a
  /// wake-up receive at_once until it says `timed_out`. It belongs to the receiver; only poll it.
  int readiness_fd();

  /// What a sender must be given to connect to this receiver.
  const std::string& address() const { return address_; }

  /// Bytes met so far that were no message of this library, and were skipped.
  std::uint64_t foreign_bytes() const { return do_foreign_bytes(); }

 protected:
  explicit Receiver(std::string address);
  void check_owner() const;
  /// For destructors: whether this is a good end, by which the last message counts as consumed. It is
  /// none in a forked child, where nothing may be done at all, nor while an exception unwinds.
  bool ends_well() const noexcept;
  std::string address_;

 private:
  virtual Received do_receive(Deadline) = 0;
  virtual int do_readiness_fd() = 0;
  virtual std::uint64_t do_foreign_bytes() const { return 0; }
  std::uint64_t fork_generation_;
  int exceptions_;  ///< Under way when this was made.
};

class Reservation;

class Sender {
 public:
  virtual ~Sender() = default;
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  /// Hands over one message, whole or not at all. `ok`: it is in the channel of a receiver that was
  /// alive within the last second. `timed_out`: there was no room until the deadline. `closed`: the
  /// receiver is gone, for ever; connect again to reach its successor. Throws EMSGSIZE for more
  /// than max_message() bytes.
  [[nodiscard]] Status send(Bytes message, Deadline deadline = Deadline::never());

  /// Lends room to build a message of at most `size` bytes in; one reservation may be open at a
  /// time. In kinds with the trait `in_place` it is the receiver's own memory, elsewhere a buffer
  /// of this sender, so that callers need one code path only.
  [[nodiscard]] Reservation reserve(std::size_t size, Deadline deadline = Deadline::never());

  /// Waits until the receiver has consumed `want` of the messages sent here and returns how many it
  /// has: fewer once the deadline passed or the receiver is gone. A message is consumed when the
  /// next receive begins or the receiver ends in good order. Kinds without the trait `acknowledges`
  /// throw ENOTSUP.
  std::uint64_t taken(std::uint64_t want, Deadline deadline = Deadline::never());

  /// The longest message in bytes, as the receiver decided.
  std::size_t max_message() const { return max_message_; }

 protected:
  explicit Sender(std::size_t max_message);
  // The defaults lend a buffer of this object; kinds that lend their own memory override both.
  virtual std::span<std::byte> do_reserve(std::size_t size, Deadline, Status&);
  virtual Status do_commit(std::size_t used, Deadline);
  void check_owner() const;
  /// For destructors: whether to say goodbye. Not in a forked child, where nothing may be done at
  /// all, nor while an exception unwinds: an unfinished job is no good end.
  bool ends_well() const noexcept;
  std::size_t max_message_;

 private:
  friend class Reservation;
  void check_size(std::size_t size) const;
  virtual Status do_send(Bytes, Deadline) = 0;
  virtual void do_abandon() noexcept {}
  virtual std::uint64_t do_taken(std::uint64_t want, Deadline);
  std::uint64_t fork_generation_;
  int exceptions_;  ///< Under way when this was made.
  std::vector<std::byte> staging_;
  bool reserved_ = false;
};

/// Room for one message. A reservation that goes out of scope uncommitted sends nothing. It must
/// not outlive its sender.
class [[nodiscard]] Reservation {
 public:
  Reservation(Reservation&&) noexcept;
  Reservation& operator=(Reservation&&) = delete;
  ~Reservation();

  explicit operator bool() const { return status_ == Status::ok; }
  Status status() const { return status_; }
  std::span<std::byte> bytes() const { return room_; }

  /// Sends the first `used` bytes. In place it never waits; elsewhere until the reservation's
  /// deadline.
  [[nodiscard]] Status commit(std::size_t used);

 private:
  friend class Sender;
  Reservation(Sender& sender, std::span<std::byte> room, Status status, Deadline deadline);
  Sender* sender_;
  std::span<std::byte> room_;
  Status status_;
  Deadline deadline_;
};

/// What a kind can do, for tools and tests to ask instead of knowing kinds by name.
struct Traits {
  bool named = true;           ///< Found by a name, so that strangers can connect and take over.
  bool needs_receiver = true;  ///< connect fails while nobody receives.
  bool in_place = false;       ///< reserve() lends, and receive() shows, the shared memory itself.
  bool proves_peer = false;    ///< Peer::pid and Peer::uid come from the kernel.
  bool acknowledges = true;    ///< Sender::taken() works.
  bool bare = false;           ///< Options::bare works: talks to programs that are not ours.
  bool durable = false;        ///< Unread messages survive both processes.
  bool at_least_once = false;  ///< A killed receiver may cause one message to come twice.
  bool may_lose = false;       ///< A killed sender may take finished messages with it.
  bool many_hosts = false;     ///< Senders may be on other machines.
};

/// What a caller may ask of a kind. A field that is set but unknown to the kind is EINVAL, naming
/// both.
struct Options {
  std::optional<mode_t> mode{};              ///< listen: permissions of every object; 0600.
  std::optional<std::size_t> max_message{};  ///< listen: bytes; 1 to kMaxMessage.
  std::optional<std::size_t> max_senders{};  ///< listen: 1 to kMostSenders.
  std::optional<std::size_t> capacity{};     ///< listen: bytes that may wait in the channel.
  std::optional<uid_t> from_uid{};  ///< listen: messages of other users are dropped as foreign.
  std::optional<int> fd{};          ///< listen, connect: an inherited end (pipe).
  /// connect: of all that this sender sends; higher is received first (mq: 0 to 32767).
  std::optional<unsigned> priority{};
  /// listen, and connect if bare: the number of the signal to use (signal).
  std::optional<int> signal{};
  bool abstract = false;  ///< listen: the socket's name is in the abstract namespace, so it has no
                          ///< file; only our own user is heard unless from_uid says otherwise.
                          ///< connect: only with bare; else the lease tells.
  bool bare = false;      ///< both: the kernel's own unit, without our frames and lease.
  bool require_receiver = false;  ///< connect, durable kinds: be refused, and told, like others.
  bool sync = false;              ///< both, durable kinds: what is sent survives a power cut.
};

/// One mechanism. The constants of this type are listed in ipc/kinds.hpp.
struct Kind {
  std::string_view name;
  std::string_view summary;
  Traits traits;
  std::span<const std::string_view> options;  ///< Which fields of Options it knows.

  /// Takes `address` and receives on it. An address with a slash is a path; a bare name lives in
  /// the user's directory (sys/name.hpp). Throws Trouble::in_use, naming the holder, if it is
  /// taken.
  std::unique_ptr<Receiver> listen(const std::string& address, const Options& = {}) const;

  /// Connects to a live receiver. Throws Trouble::no_receiver if there is none.
  std::unique_ptr<Sender> connect(const std::string& address, const Options& = {}) const;

  /// Removes what stands under `address`, of whichever named kind, damaged or whole, unread messages
  /// included; silent if there is nothing. Throws Trouble::in_use if a receiver lives there.
  void remove(const std::string& address) const;

  /// Options under which `receivers` receivers fit into this user's share of the system's limits
  /// beside what is there already: `with` itself or, unless it sets a capacity, one with less. It
  /// finds out by trying, so ask directly before they are started. Throws Trouble::limit, with the
  /// numbers, if they do not fit. Kinds of which any number fits return `with`.
  Options fit(std::size_t receivers, const Options& with = {}) const;

  struct Implementation {
    std::unique_ptr<Receiver> (*listen)(const std::string&, const Options&);
    std::unique_ptr<Sender> (*connect)(const std::string&, const Options&);
    void (*remove)(const std::string&);
    Options (*fit)(std::size_t receivers, const Options&) = nullptr;  ///< Null: any number fits.
  } implementation;
};

}  // namespace ipc
