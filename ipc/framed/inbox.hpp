// What the receivers of all kinds with one shared channel have in common: whose frame is it, which
// message is complete, and who has left.
//
// The ends come from the slots of the lease, the messages from the channel, and the two must be
// told in the right order: `died` after the dead sender's last whole message. So the inbox *first*
// sees that a sender's lock is free, *then* the channel is read until it is empty (all that the
// sender put in is out by then), and only then is the end told and the sender's unfinished message
// dropped. A channel that never gets empty counts as read once as many frames have passed as it can
// hold.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "ipc/sys/lease_page.hpp"
#include "ipc/sys/wait.hpp"
#include "ipc/transport.hpp"
#include "ipc/wire/reassembly.hpp"

namespace ipc::framed {

/// One thread at a time. A receiver's loop asks in this order:
///
///     begin();                                     // once: the last message is consumed
///     for (;;) {
///       while (frame) if (got = accept(frame)) return got;
///       if (got = overdue()) return got;           // before each read of the channel
///       if (channel had something) continue;
///       if (look()) continue;                      // somebody left: read until empty once more
///       if (got = settle()) return got;
///       wait until min(deadline, next_look());
///     }
class Inbox {
 public:
  struct Terms {
    std::span<sys::Slot> slots;
    std::function<bool(std::uint32_t slot)> lives;  ///< Is the slot's byte locked?
    std::function<bool()> any_lives;  ///< Is any? True for one that only just connects, too.
    std::size_t max_message;
    std::uint64_t channel_frames = 0;  ///< As many as channel and read buffer can hold.
    /// For kinds with a channel for each sender, or that know how much is in the channel, instead
    /// of channel_frames: is all read that this one had put in at the last of marks()?
    std::function<bool(std::uint32_t slot)> drained = {};
    /// Of a durable object, where one receiver goes on from where another ended. There every
    /// message is one frame, and each sender numbers those that it has sent, from 1 on.
    sys::DurableState* durable = nullptr;
  };
  explicit Inbox(Terms terms);

  /// Whether a frame with this header can be from a sender that the slots know.
  bool plausible(const wire::Frame& frame) const;
  /// Takes a plausible frame. `proven` holds what the kernel says of its sender, if anything.
  std::optional<Received> accept(const wire::Frame& frame, const Peer& proven = {});

  /// Takes a whole message of the sender whose frame was the last that was accepted from this slot;
  /// of a durable object its `number`.
  Received show(std::uint32_t slot, Bytes message, std::uint32_t number = 0) {
    shown_ = slot;
    shown_count_ = terms_.durable ? number : senders_[slot].consumed + 1;
    return {Status::ok, message, senders_[slot].peer};
  }

  /// A receive begins: what the last one returned is consumed.
  void begin() {
    if (shown_) consume();
  }
  /// What must be told even though the channel is not empty.
  std::optional<Received> overdue();
  /// Makes the next look() due: somebody may have come or left.
  void look_soon() { look_now_ = true; }
  /// Looks for ends if it is time to; true if there are new ones.
  bool look();
  /// Whether look() may be due: a few milliseconds late, but cheap enough for every message.
  bool may_look() const {
    return look_now_ || Deadline::Clock::time_point(sys::coarse_now()) >= next_look_;
  }
  /// The channel was found empty after look(): what there is to tell.
  std::optional<Received> settle();

  /// For kinds with a channel per sender, which put messages together themselves: instead of
  /// accept(), the message that the next receive returns, and instead of overdue(), what there is
  /// to tell of those senders whose channels `drained` says were found empty, or at their end, since
  /// look() found something. It is asked about all senders in `slot` up to `generation`.
  Received deliver(const Peer& sender, Bytes message);
  template <class Drained>
  std::optional<Received> settle_drained(Drained drained) {
    if (marked_)
      for (std::uint32_t i = 0; i < count_; ++i)
        if (senders_[i].marked && drained(i, last_over(i))) settle_sender(i);
    return next_event();
  }
  /// The channel of this sender has ended, or will bring no more; `unfinished` if a message was.
  void retire(const Peer& sender, bool unfinished);
  /// To be called before waiting, where settle() is not: wakes a sender that waits for taken().
  void wake_overlooked();
  /// Whether look() found that this sender has left or died.
  bool is_over(const Peer& sender) const {
    return sender.id / count_ <= last_over(sender.id % count_);
  }
  /// Whether look() found ends that have not been settled.
  bool has_marked() const { return marked_; }

  /// How many looks have found new ends.
  std::uint64_t marks() const { return marks_; }
  /// When look() will be due.
  Deadline next_look() const { return Deadline::at(next_look_); }
  /// Nobody is connected and all is told: nothing will happen until a frame arrives.
  bool is_quiet() const { return !anybody_ && !marked_ && events_.empty(); }

 private:
  /// What is known, from its frames, of an owner of a slot that has left.
  struct Former {
    std::uint32_t generation = 0;
    Peer peer{};
    bool unfinished = false;  ///< A message that it had begun was dropped.
  };
  struct Sender {
    wire::Assembly assembly;
    std::uint32_t generation = 0;   ///< Of the last frame: the slot's owner as the channel has it.
    std::uint32_t consumed = 0;     ///< Messages of that owner, modulo 2^32.
    std::uint32_t deaths_told = 0;  ///< As in the slot.
    std::uint32_t deaths_seen = 0;
    std::uint32_t seen = 0;      ///< The slot's generation at the last look ...
    bool seen_over = false;      ///< ... and whether it had ended.
    bool seen_dead = false;      ///< ... without a goodbye.
    std::uint32_t settled = 0;   ///< The last generation whose end has been settled.
    bool marked = false;         ///< Something is to be told once the channel is empty.
    Peer peer;                   ///< What is known of the owner.
    std::vector<Former> former;  ///< Whose ends have not been settled.
  };

  std::uint32_t last_over(std::uint32_t slot) const {
    return senders_[slot].seen - (senders_[slot].seen_over ? 0 : 1);
  }
  void consume();
  std::uint32_t generations() const;
  void meet(std::uint32_t id, const Peer& proven);
  static void retire(Sender& sender);
  void settle_sender(std::uint32_t index);
  std::optional<Received> next_event();

  Terms terms_;
  std::uint32_t count_;
  std::vector<Sender> senders_;
  std::deque<Received> events_;
  Deadline::Clock::time_point next_look_{};
  bool look_now_ = false;
  bool anybody_ = false;
  bool marked_ = false;
  std::uint64_t frames_since_mark_ = 0;
  std::uint64_t marks_ = 0;
  std::uint32_t generations_seen_ = 0;    ///< Sum over the slots at the last look ...
  std::uint32_t generations_closed_ = 0;  ///< ... and when `closed` was last told.
  std::optional<std::uint32_t> shown_;    ///< The slot whose message the last receive returned ...
  std::uint32_t shown_count_ = 0;         ///< ... and what it has consumed with that.
  std::optional<std::uint32_t> last_shown_;  ///< The slot of the last message consumed.
};

}  // namespace ipc::framed
