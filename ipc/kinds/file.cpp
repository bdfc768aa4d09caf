// A file that grows: the log, where senders append and the receiver follows.
//
//   name        a file; open(2) finds it, unlink(2) takes the name. Nobody need be there: the file
//               keeps what nobody has read yet, after both sides have ended
//   boundaries  none: bytes at offsets. A record has a header (wire/record.hpp), and a number at the
//               front of the file says how far it is *committed*
//   full        never, until the disk is; so we count: at `capacity` unread bytes a sender waits
//   end         nothing is told at all, a file does not know who has it open: the locks of the lease
//               do (sys/durable_lease.hpp)
//   stale name  there is none: the file *is* the channel, and the next one goes on with it
//   cost        two copies, four system calls a message for the sender, one wake-up
//   poll        not by itself: poll(2) calls a regular file readable always. inotify(7) has a
//               descriptor that tells of changes
//
//     sender A --+                                     +------------------------- receiver
//                | flock(2): one at a time             |                pread(2) from `position`
//     sender B --+                                     v                (in the lease) to `committed`
//          +-----------+  +--------------------+-------------+-----------+
//          | committed |  | hole: read, punched | A1 | B1 | A2 | torn ... |
//          +-----------+  +--------------------+-------------+-----------+
//                |                                           ^  what a killed sender left:
//                +-------------------------------------------+  the next one writes over it
//
// What surprises:
//
// *O_APPEND is not enough.* The kernel finds the end and writes there in one step, so records of
// several processes never mix. But a process killed inside a write of 4 MB leaves a torn tail, in 246
// of 380 kills (ext4, measured), and whoever appends next buries it. A lock alone does not help:
// flock(2) is free the moment its holder dies. So the record is written first, beyond what is
// committed, and 8 bytes at the front make it count, which no signal can cut in two: 1,691 writers
// killed, 8 GB, nothing bad (durable/log.hpp).
//
// *Read is not gone.* What has been consumed still takes space, so it is punched out of the file a
// megabyte at a time (fallocate(2)): `ls -l` shows gigabytes, `du` a few pages. Found empty, the file
// is cut to its beginning, for an offset has an end as well (16 TiB on ext4).
//
// *On the disk is not in the file.* A write is safe from SIGKILL at once, since it is the kernel's
// then, but not from a power cut. With Options::sync the record is flushed before it is committed and
// the commit before send returns, so that a committed record is whole whatever happens; it costs two
// fdatasync(2) a message, hundredfold and more.
//
// *inotify is a few per user.* 128 instances, for all programs together; when they are used up a
// timer looks every 20 ms instead, and messages come late but come.
//
// Bare (Options::bare) is any text file: lines are followed and appended (bare/text_file.hpp).
//
// See flock(2), inotify(7), fallocate(2), fsync(2).
#include "ipc/sys/file.hpp"

#include <fcntl.h>

#include <array>

#include "ipc/bare/text_file.hpp"
#include "ipc/durable/log.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/durable_seat.hpp"
#include "ipc/sys/inotify.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/record.hpp"

namespace ipc {
namespace {

using durable::Front;
using durable::Log;

constexpr std::size_t kCapacity = std::size_t{64} << 20;
constexpr std::size_t kReadRoom = std::size_t{256} << 10;
constexpr std::uint64_t kPunch = std::uint64_t{1} << 20;
constexpr std::uint64_t kRewind = std::uint64_t{16} << 20;

sys::DurableObject object() {
  return {.make = Log::make, .is_empty = Log::is_empty};
}

sys::DurableTerms terms_of(const Options& options) {
  return {.kind = "file",
          .home = sys::Home::path,
          .mode = options.mode,
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = options.max_senders,
          .capacity = options.capacity.value_or(kCapacity)};
}

// Whether somebody waited for it. Without exceptions: should nobody be woken, those who wait look
// again within a moment.
bool give_turn_back(int file, sys::DurableState& state) noexcept {
  (void)sys::unflock(file, "the next sender's turn");
  try {
    return sys::tell(state.turn, "senders wait for their turn");
  } catch (const Error&) {
    return true;
  }
}

class FileReceiver final : public Receiver {
 public:
  FileReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options), object()),
        log_(lease_.object_path()),
        watch_(lease_.object_path(), IN_MODIFY | IN_ATTRIB,
               "IN_MODIFY: bytes; IN_ATTRIB: somebody came or left"),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = kMaxMessage,
                .drained = [this](std::uint32_t) { return is_past_mark(); },
                .durable = &lease_.state()}),
        sync_(options.sync) {
    front_ = log_.front();
    // Beyond what is committed only if a power cut took the file's end and left the lease.
    read_ = std::clamp(lease_.state().position.load(std::memory_order_relaxed), front_.base,
                       front_.committed);
    lease_.state().position.store(read_, std::memory_order_relaxed);
    loaded_from_ = read_;
    punched_ = front_.base;
  }

  ~FileReceiver() override {
    if (!ends_well()) return;
    try {
      consume();
    } catch (const std::exception&) {
      // The message is taken; only a flush or the punching of a hole can have failed.
    }
  }

 private:
  Received do_receive(Deadline deadline) override {
    consume();
    for (;;) {
      while (const auto frame = next())
        if (const auto got = inbox_.accept(*frame)) return readiness_.done(*got, false);
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      if (load()) continue;
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      if (const auto events = watch_.take()) {
        if (events & IN_ATTRIB) somebody_touched_it();
        continue;
      }
      rewind();
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(watch_.fd(), std::min(deadline, inbox_.next_look()),
                         "all is read; look at the locks now and then");
    }
  }

  // The next whole record of those that are loaded.
  std::optional<wire::Frame> next() {
    for (;; skip()) {
      const Bytes rest = std::span(buffer_).first(loaded_).subspan(read_ - loaded_from_);
      wanted_ = wire::kRecordHeader;
      if (rest.size() < wanted_) return std::nullopt;
      const auto header = wire::decode_record(rest);
      if (!header || header->span() > end_ - read_) continue;
      wire::Frame frame{header->sender, header->message, header->length};
      if (!inbox_.plausible(frame)) continue;
      wanted_ = header->span();
      if (rest.size() < wanted_) return std::nullopt;
      frame.payload = rest.subspan(wire::kRecordHeader, header->length);
      read_ += wanted_;
      return frame;
    }
  }

  // Only a power cut can leave what is no record where one should be, or somebody who wrote here.
  void skip() {
    read_ += 8;
    skipped_ += 8;
  }

  // Loads what follows; false if nothing is committed that is not loaded yet.
  bool load() {
    if (read_ >= end_) end_ = log_.front().committed;
    if (read_ >= end_) return false;
    if (end_ - read_ < wire::kRecordHeader) {
      skip();
      return true;
    }
    const auto size = std::min<std::uint64_t>(std::max(kReadRoom, wanted_), end_ - read_);
    if (buffer_.size() > 4 * kReadRoom && size <= kReadRoom) buffer_ = {};  // one huge message
    if (buffer_.size() < size) buffer_.resize(size);
    loaded_from_ = read_;
    loaded_ = size;
    log_.read(front_.offset_of(read_), std::span(buffer_).first(loaded_),
              "all that is committed, as far as there is room");
    return true;
  }

  // Whether all is read that was committed when an end was last seen.
  bool is_past_mark() {
    if (mark_ != inbox_.marks()) {
      mark_ = inbox_.marks();
      mark_end_ = log_.front().committed;
    }
    return read_ >= mark_end_;
  }

  void consume() {
    // First that the message is taken, then the position: killed in between, the sender knows, and
    // the next receiver is given the message again.
    inbox_.begin();
    auto& position = lease_.state().position;
    if (position.load(std::memory_order_relaxed) == read_) return;
    position.store(read_, std::memory_order_release);
    lease_.tell_room();
    if (sync_) lease_.flush();
    if (read_ - punched_ < kPunch) return;
    // Not every file system can; then the space comes back with the next rewind.
    const off_t from = front_.offset_of(punched_) / 4096 * 4096;
    const off_t to = front_.offset_of(read_) / 4096 * 4096;
    if (sync_) lease_.flush();
    (void)sys::punch_hole(log_.fd(), std::max<off_t>(from, durable::kLogStart), to - from,
                          "consumed: gives its space back");
    punched_ = read_;
  }

  void rewind() {
    if (read_ - front_.base < kRewind) return;
    if (!sys::try_flock(log_.fd(), "nobody appends meanwhile").ok()) return;
    struct Turn {
      FileReceiver& receiver;
      ~Turn() { (void)give_turn_back(receiver.log_.fd(), receiver.lease_.state()); }
    } const turn{*this};
    Front now = log_.front();
    if (now.committed != read_) return;
    lease_.state().position.store(read_, std::memory_order_release);
    log_.rewind(now);
    front_ = now;
    punched_ = front_.base;
  }

  void somebody_touched_it() {
    inbox_.look_soon();
    if (!log_.is_intact(log_.front()))
      throw Error(Trouble::corrupt, ENOENT, "file " + log_.path() + ": somebody removed it");
  }

  int do_readiness_fd() override { return readiness_.fd(watch_.fd()); }
  std::uint64_t do_foreign_bytes() const override { return skipped_; }

  sys::DurableLease lease_;
  Log log_;
  sys::Watch watch_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
  bool sync_;
  Front front_;
  std::uint64_t read_ = 0;     ///< The position of the next record.
  std::uint64_t end_ = 0;      ///< What was committed when it was last asked.
  std::uint64_t punched_ = 0;  ///< What lies before has been given back.
  std::uint64_t mark_ = 0;
  std::uint64_t mark_end_ = 0;
  std::vector<std::byte> buffer_;
  std::uint64_t loaded_from_ = 0;  ///< The position of the buffer's first byte.
  std::size_t loaded_ = 0;
  std::size_t wanted_ = 0;  ///< Bytes that the next record needs.
  std::uint64_t skipped_ = 0;
};

class FileSender final : public Sender {
 public:
  FileSender(const std::string& address, const Options& options)
      : FileSender(sys::DurableSeat(sys::resolve(address), terms_of(options), object(),
                                    options.require_receiver),
                   options.sync) {}

  ~FileSender() override {
    if (!ends_well()) return;
    seat_.leave();
    touch("tell the receiver to look: we have left");
  }

 private:
  FileSender(sys::DurableSeat seat, bool sync)
      : Sender(seat.max_message()), seat_(std::move(seat)), log_(seat_.object_path()), sync_(sync) {
    touch("tell the receiver to look: we have come");
    seat_.enter();
    if (!sync_) return;
    seat_.flush();
    (void)sys::fsync(log_.fd(), "the file itself").check(log_.path());
    sys::flush_directory_of(log_.path(), "and its name");
  }

  Status do_send(Bytes message, Deadline deadline) override {
    const wire::RecordHeader record{seat_.id(), sent_ + 1,
                                    static_cast<std::uint32_t>(message.size())};
    for (;;) {
      if (seat_.is_over()) return Status::closed;
      if (!take_turn(deadline)) return Status::timed_out;
      if (const auto status = try_append(record, message)) return *status;
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      seat_.wait_for_room(deadline,
                          [&] { return !seat_.has_room(log_.front().committed, record.span()); });
    }
  }

  // Empty if it is full.
  std::optional<Status> try_append(const wire::RecordHeader& record, Bytes message) {
    const Turn turn{*this};
    const Front front = log_.front();
    if (!seat_.has_room(front.committed, record.span())) return std::nullopt;
    if (!log_.is_intact(front)) return Status::closed;
    log_.append(wire::encode(record), message, front, record.span(), sync_);
    ++sent_;
    return Status::ok;
  }

  // The lock is asked for without waiting, since flock(2) knows no deadline. Who gives it back wakes
  // those who wait; who is killed with it wakes nobody, hence the short sleeps.
  bool take_turn(Deadline deadline) {
    const auto until = deadline.expired() ? Deadline::after(kPatience) : deadline;
    if (overtaken_ == kOvertakes) {
      // Who is awake takes the lock again before one who was woken for it runs: give way at times.
      overtaken_ = 0;
      sys::await(
          seat_.state().turn, std::min(until, Deadline::after(kGiveWay)), [] { return true; },
          "others have waited long enough");
    }
    while (!try_lock()) {
      if (until.expired()) return false;
      bool locked = false;
      sys::await(
          seat_.state().turn, std::min(until, Deadline::after(kMoment)),
          [&] { return !(locked = try_lock()); }, "until the sender before us is done");
      if (locked) return true;
    }
    return true;
  }

  bool try_lock() {
    const auto locked = sys::try_flock(log_.fd(), "one appends at a time");
    if (!locked.ok() && locked.error != EWOULDBLOCK) locked.check(log_.path());
    return locked.ok();
  }

  struct Turn {
    FileSender& sender;
    ~Turn() {
      if (give_turn_back(sender.log_.fd(), sender.seat_.state())) ++sender.overtaken_;
    }
  };

  void touch(const char* why) { (void)sys::touch(log_.fd(), why); }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(sent_, want, deadline);
  }

  // Even who does not want to wait for room waits for his turn: a turn is short.
  static constexpr auto kPatience = std::chrono::milliseconds(20);
  static constexpr auto kGiveWay = std::chrono::microseconds(200);
  static constexpr int kOvertakes = 32;
  static constexpr auto kMoment = std::chrono::milliseconds(5);
  sys::DurableSeat seat_;
  Log log_;
  bool sync_;
  std::uint32_t sent_ = 0;
  int overtaken_ = 0;  ///< How often somebody waited when we gave the lock back.
};

constexpr std::array<std::string_view, 7> known_options{
    "mode", "max_message", "max_senders", "capacity", "bare", "require_receiver", "sync"};

}  // namespace

const Kind kinds::file{
    .name = "file",
    .summary = "append-only file: kept until read, whoever lives; flock(2) and inotify(7)",
    .traits = {.needs_receiver = false, .bare = true, .durable = true, .at_least_once = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare)
            return std::make_unique<bare::TextFileReceiver>(
                address, options.max_message.value_or(kMaxMessage), options.mode.value_or(0600));
          return std::make_unique<FileReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (options.bare) return std::make_unique<bare::TextFileSender>(address);
          return std::make_unique<FileSender>(address, options);
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc
