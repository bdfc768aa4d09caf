// A directory with a file for each message: the mailbox, as mail has been delivered since 1995.
//
//   name        a directory; mkdir(2) makes it. Nobody need be there: what is not read stays
//   boundaries  a file is a message, whole, of any length
//   full        never, until the disk is; so we count the blocks of 4 KiB that the files take, and
//               at `capacity` a sender waits
//   end         nothing is told, a directory does not know who has it open: the locks of the lease do
//               (sys/durable_lease.hpp)
//   stale name  there is none: what is there is there to be read
//   cost        a file made, written, renamed, opened, read and unlinked: some 20 microseconds in
//               memory, and a disk's patience for each with Options::sync
//   poll        not by itself; inotify(7) tells of each file that is renamed into the directory
//
//     sender in slot 2                                   receiver
//        |                                                  |
//        | write   tmp/2                                    | inotify: IN_MOVED_TO, names in order
//        |           |                                      | open, read ... the next receive: unlink
//        |           | rename(2): the message is there,     v
//        +---------- +--- whole or not at all --> new/000000000000004f.00000082.00000007
//                                                      ticket            sender    message
//
// What surprises:
//
// *rename(2) is the commit.* A file can be seen half written, a name cannot be seen half moved. So a
// message is written where nobody looks and then gets its name, and a sender killed at any moment has
// sent it or has not. What it leaves in tmp/ is written over by the next owner of its slot.
//
// *The queue of events overflows,* and a directory that is read while it changes shows no moment of it:
// a message may be seen and the one before it missed. How order is kept nevertheless stands in
// durable/unread.hpp.
//
// *Order is in the names.* readdir(3) gives names in any order and clocks go backwards, so senders draw
// tickets from one counter in the lease; sorted by ticket, messages are in order for each sender.
//
// *A name is not on the disk because the file is.* With Options::sync the file is flushed before it
// is renamed and the directory after, or a power cut could leave a name without bytes.
//
// Bare (Options::bare) is any directory: a file renamed into it is a message, whatever its name
// (bare/drop_box.hpp), `mv report.txt demo/` for example.
//
// See rename(2), inotify(7), fsync(2), and maildir(5) of qmail, where this comes from.
#include <fcntl.h>

#include <array>

#include "ipc/bare/drop_box.hpp"
#include "ipc/durable/unread.hpp"
#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/kinds.hpp"
#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/durable_seat.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/letter.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/wire/letter_name.hpp"

namespace ipc {
namespace {

using wire::LetterName;

constexpr std::size_t kCapacity = std::size_t{64} << 20;

// What a message takes on a usual disk: whole blocks, and one for the empty message, lest the disk
// run out of files.
std::uint64_t cost_of(std::uint64_t size) {
  constexpr std::uint64_t block = 4096;
  return std::max(block, (size + block - 1) / block * block);
}

void make_mailbox(const std::string& path, mode_t mode) {
  for (const char* part : {"", "/tmp", "/new"}) {
    (void)sys::mkdir(path + part, 0700, "the mailbox").check(path + part);
    (void)sys::chmod(path + part, sys::directory_mode(mode),
                     "exactly this mode, whatever the umask")
        .check(path + part);
  }
}

bool is_empty(const std::string& path, const sys::DurableState&) {
  return sys::letters_in(path + "/new").empty();
}

sys::DurableObject object() {
  return {.make = make_mailbox, .is_empty = is_empty};
}

sys::DurableTerms terms_of(const Options& options) {
  return {.kind = "mailbox",
          .home = sys::Home::directory,
          .mode = options.mode,
          .max_message = options.max_message.value_or(kMaxMessage),
          .max_senders = options.max_senders,
          .capacity = options.capacity.value_or(kCapacity)};
}

class MailboxReceiver final : public Receiver {
 public:
  MailboxReceiver(const std::string& address, const Options& options)
      : Receiver(address),
        lease_(sys::resolve(address), terms_of(options), object()),
        letters_(lease_.object_path() + "/new"),
        unread_(letters_, lease_.max_senders()),
        inbox_({.slots = lease_.slots(),
                .lives = [this](std::uint32_t slot) { return lease_.sender_lives(slot); },
                .any_lives = [this] { return lease_.any_sender_lives(); },
                .max_message = kMaxMessage,
                .drained = [this](std::uint32_t) { return is_past_mark(); },
                .durable = &lease_.state()}),
        sync_(options.sync) {
    if (options.mode) make_all(*options.mode);
  }

  ~MailboxReceiver() override {
    if (!ends_well()) return;
    try {
      consume();
    } catch (const std::exception&) {
      // What could not be unlinked comes a second time; there is nobody here to tell.
    }
  }

 private:
  Received do_receive(Deadline deadline) override {
    consume();
    for (;;) {
      if (const auto got = next()) return readiness_.done(*got, false);
      if (const auto event = inbox_.overdue()) return readiness_.done(*event, false);
      if (gather() || !unread_.empty()) continue;
      if (inbox_.look()) continue;
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
      forget_kills();
      if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet());
      sys::wait_readable(unread_.fd(), std::min(deadline, inbox_.next_look()),
                         "nothing is unread; look at the locks now and then");
    }
  }

  std::optional<Received> next() {
    while (!unread_.empty()) {
      const LetterName name = unread_.front();
      unread_.pop();
      const auto path = path_of(name);
      if (was_taken(name)) {
        (void)sys::unlink(path, "consumed, but its receiver was killed before it did this");
        continue;
      }
      const auto size = sys::read_letter(path, kMaxMessage, bytes_);
      if (!size) continue;  // somebody removed it
      wire::Frame frame{name.sender, name.message, static_cast<std::uint32_t>(*size)};
      if (*size > kMaxMessage || !inbox_.plausible(frame)) {
        unread_.skip(name.text(), *size);
        continue;
      }
      frame.payload = Bytes(bytes_).first(*size);
      shown_ = name;
      shown_cost_ = cost_of(*size);
      unread_.note_read(name);
      if (const auto got = inbox_.accept(frame)) return got;
    }
    return std::nullopt;
  }

  // False if nothing has happened.
  bool gather() {
    const auto news = unread_.gather();
    if (news == durable::Unread::News::touched) inbox_.look_soon();
    return news != durable::Unread::News::none;
  }

  bool was_taken(const LetterName& name) const {
    const auto slots = lease_.slots();
    const auto count = static_cast<std::uint32_t>(slots.size());
    const auto taken = slots[name.sender % count].taken.load(std::memory_order_relaxed);
    if (taken >> 32 != name.sender / count) return false;
    return static_cast<std::int32_t>(name.message - static_cast<std::uint32_t>(taken)) <= 0;
  }

  // Whether all is read that was there when an end was last seen.
  bool is_past_mark() {
    if (mark_ != inbox_.marks()) {
      mark_ = inbox_.marks();
      mark_end_ = lease_.state().ticket.load(std::memory_order_acquire);
      (void)gather();
    }
    return unread_.empty() || unread_.front().ticket > mark_end_;
  }

  void consume() {
    // First that it is taken, then the file: killed in between, the next receiver sees that.
    inbox_.begin();
    if (!shown_) return;
    const auto path = path_of(*shown_);
    shown_.reset();
    lease_.state().position.fetch_add(shown_cost_, std::memory_order_release);
    if (sync_) lease_.flush();
    const auto gone = sys::unlink(path, "consumed");
    if (gone.error != ENOENT) gone.check(path);
    lease_.tell_room();
  }

  // A sender killed after its rename had no time to count it. Nobody is connected and nothing unread:
  // the true difference is none.
  void forget_kills() {
    if (!inbox_.is_quiet() || !unread_.empty()) return;
    auto& state = lease_.state();
    state.put.store(state.position.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  void make_all(mode_t mode) {
    for (const char* part : {"/tmp", "/new"})
      (void)sys::chmod(lease_.object_path() + part, sys::directory_mode(mode),
                       "this receiver's mode")
          .check(lease_.object_path());
  }

  std::string path_of(const LetterName& name) const { return letters_ + "/" + name.text(); }
  int do_readiness_fd() override { return readiness_.fd(unread_.fd()); }
  std::uint64_t do_foreign_bytes() const override { return unread_.foreign_bytes(); }

  sys::DurableLease lease_;
  std::string letters_;
  durable::Unread unread_;
  framed::Inbox inbox_;
  framed::Readiness readiness_;
  bool sync_;
  std::vector<std::byte> bytes_;
  std::optional<LetterName> shown_;  ///< What the last receive returned.
  std::uint64_t shown_cost_ = 0;
  std::uint64_t mark_ = 0;
  std::uint64_t mark_end_ = 0;
};

class MailboxSender final : public Sender {
 public:
  MailboxSender(const std::string& address, const Options& options)
      : MailboxSender(sys::DurableSeat(sys::resolve(address), terms_of(options), object(),
                                       options.require_receiver),
                      options.sync) {}

  ~MailboxSender() override {
    if (!ends_well()) return;
    seat_.leave();
    (void)sys::touch(letters_.get(), "tell the receiver to look: we have left");
  }

 private:
  MailboxSender(sys::DurableSeat seat, bool sync)
      : Sender(seat.max_message()),
        seat_(std::move(seat)),
        path_(seat_.object_path()),
        letters_(sys::open(path_ + "/new", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, 0,
                           "where messages lie")
                     .check(path_)
                     .fd()),
        draft_(path_ + "/tmp/" + std::to_string(seat_.slot_number())),
        sync_(sync) {
    struct stat about {};
    (void)sys::fstat(letters_.get(), about, "who may read the messages?").check(path_);
    mode_ = about.st_mode & 0666;
    (void)sys::touch(letters_.get(), "tell the receiver to look: we have come");
    seat_.enter();
    if (!sync_) return;
    seat_.flush();
    sys::flush_directory_of(path_, "the mailbox's own name");
  }

  Status do_send(Bytes message, Deadline deadline) override {
    const auto cost = cost_of(message.size());
    for (;;) {
      if (seat_.is_over()) return Status::closed;
      if (has_room(cost)) break;
      if (!seat_.receiver_lives()) return Status::closed;
      if (deadline.expired()) return Status::timed_out;
      seat_.wait_for_room(deadline, [&] { return !has_room(cost); });
    }
    auto& state = seat_.state();
    // Tickets begin with 1. Relaxed: for one sender they go up, and nothing hangs on the others'.
    const LetterName name{state.ticket.fetch_add(1, std::memory_order_relaxed) + 1, seat_.id(),
                          sent_ + 1};
    const auto path = path_ + "/new/" + name.text();
    if (!sys::write_letter(draft_, message, mode_, sync_)) return Status::closed;
    const auto renamed = sys::rename(draft_, path, "the message is there, whole");
    if (renamed.error == ENOENT) return Status::closed;  // the mailbox was removed
    renamed.check(path);
    // It counts from here on, even if its name cannot be flushed: the next one must not have its
    // number.
    state.put.fetch_add(cost, std::memory_order_relaxed);
    ++sent_;
    if (sync_) (void)sys::fsync(letters_.get(), "and its name").check(path);
    return Status::ok;
  }

  bool has_room(std::uint64_t cost) const {
    return seat_.has_room(seat_.state().put.load(std::memory_order_relaxed), cost);
  }

  std::uint64_t do_taken(std::uint64_t want, Deadline deadline) override {
    return seat_.taken(sent_, want, deadline);
  }

  sys::DurableSeat seat_;
  std::string path_;
  sys::Fd letters_;
  std::string draft_;
  bool sync_;
  mode_t mode_ = 0600;
  std::uint32_t sent_ = 0;
};

constexpr std::array<std::string_view, 7> known_options{
    "mode", "max_message", "max_senders", "capacity", "bare", "require_receiver", "sync"};

}  // namespace

const Kind kinds::mailbox{
    .name = "mailbox",
    .summary =
        "directory, one file per message: written aside, renamed into place, kept until read",
    .traits = {.needs_receiver = false, .bare = true, .durable = true, .at_least_once = true},
    .options = known_options,
    .implementation = {
        .listen = [](const std::string& address,
                     const Options& options) -> std::unique_ptr<Receiver> {
          if (options.bare)
            return std::make_unique<bare::DropBoxReceiver>(
                address, options.max_message.value_or(kMaxMessage), options.mode.value_or(0600));
          return std::make_unique<MailboxReceiver>(address, options);
        },
        .connect = [](const std::string& address,
                      const Options& options) -> std::unique_ptr<Sender> {
          if (options.bare) return std::make_unique<bare::DropBoxSender>(address);
          return std::make_unique<MailboxSender>(address, options);
        },
        .remove = [](const std::string& address) { sys::remove_dead(sys::resolve(address)); },
    },
};

}  // namespace ipc
