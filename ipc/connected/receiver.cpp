#include "ipc/connected/receiver.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <limits>
#include <utility>

#include "ipc/sys/wait.hpp"

namespace ipc::connected {
namespace {

// Who has connected and not said yet who it is. It takes a sender microseconds.
constexpr std::size_t kMostStrangers = 64;

std::uint32_t generation_of(const sys::Slot& slot) {
  // Acquire: as in framed/inbox.cpp, what the owner wrote before entering is seen.
  return sys::Tenure::unpacked(slot.tenure.load(std::memory_order_acquire)).generation;
}

}  // namespace

bool is_end(int error) {
  constexpr int errors[] = {EPIPE,     ECONNRESET,   ENOTCONN,    ECONNREFUSED,
                            ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
                            EHOSTDOWN, ENONET,       EPROTO,      ENOPROTOOPT};
  return std::ranges::find(errors, error) != std::end(errors);
}

FramedReceiver::FramedReceiver(Terms terms)
    : Receiver(std::move(terms.address)),
      slots_(terms.slots),
      max_message_(terms.max_message),
      is_on_its_way_(std::move(terms.is_on_its_way)),
      crowd_(address(), std::move(terms.listener), kMostStrangers,
             [this, admit = std::move(terms.admit)](Connection& newcomer) {
               inbox_.look_soon();
               newcomer.heard = sys::coarse_now();
               if (admit(newcomer)) return true;
               count_foreign(0);
               return false;
             }),
      inbox_({.slots = terms.slots,
              .lives =
                  [this, lives = std::move(terms.lives)](std::uint32_t slot) {
                    return ended_[slot] != generation_of(slots_[slot]) && lives(slot);
                  },
              .any_lives = std::move(terms.any_lives),
              .max_message = terms.max_message,
              // Ends are told connection by connection, never by counting frames.
              .channel_frames = std::numeric_limits<std::uint64_t>::max()}),
      ended_(terms.slots.size()) {}

FramedReceiver::~FramedReceiver() {
  if (ends_well()) inbox_.begin();
}

void FramedReceiver::finish() {
  if (!ends_well()) return;
  inbox_.begin();
  consumed();
}

Received FramedReceiver::do_receive(Deadline deadline) {
  inbox_.begin();
  consumed();
  for (;;) {
    if (inbox_.may_look() && inbox_.look()) marked_in_ = crowd_.round();
    if (const auto event =
            inbox_.settle_drained([this](std::uint32_t slot, std::uint32_t generation) {
              return drain(slot, generation);
            }))
      return readiness_.done(*event, false);
    if (Connection* speaker = crowd_.speaker()) {
      if (const auto got = listen_to(*speaker)) return readiness_.done(*got, false);
      continue;
    }
    inbox_.wake_overlooked();
    const bool settles = may_settle();
    const auto until = settles && inbox_.has_marked() ? Deadline::at_once()
                                                      : std::min(deadline, inbox_.next_look());
    if (crowd_.next_round(until)) continue;
    if (inbox_.look()) {
      marked_in_ = crowd_.round();
      continue;
    }
    if (settles)
      if (const auto event = inbox_.settle()) return readiness_.done(*event, false);
    if (deadline.expired()) return readiness_.done({}, inbox_.is_quiet() && !crowd_.is_short());
  }
}

std::optional<Received> FramedReceiver::listen_to(Connection& speaker) {
  wire::Frame frame;
  Heard heard{};
  try {
    heard = hear(speaker, frame);
  } catch (...) {  // whatever it was: the turn ends, so that the next call hears the others
    crowd_.failed();
    throw;
  }
  switch (heard) {
    case Heard::nothing:
      crowd_.fell_silent();
      return std::nullopt;
    case Heard::ended:
      end(speaker);
      return std::nullopt;
    case Heard::foreign:
      crowd_.spoke();
      return std::nullopt;
    case Heard::frame:
      break;
  }
  const bool known = speaker.peer.id != 0;
  if (!is_from(speaker, frame) || (known && frame.flags != 0 && !take_note(speaker, frame))) {
    speaker.foreign = true;
    count_foreign(wire::kFrameHeader + frame.payload.size());
    crowd_.spoke();
    return std::nullopt;
  }
  std::optional<wire::Bytes> message;
  if (frame.flags == 0) message = speaker.assembly.accept(frame);
  std::optional<Received> received;
  if (message) received = inbox_.deliver(speaker.peer, *message);
  if (is_on_its_way_) speaker.heard = sys::coarse_now();
  crowd_.spoke();
  return received;
}

// The first frame says who this is; from then on all must come from the same.
bool FramedReceiver::is_from(Connection& speaker, const wire::Frame& frame) {
  if (frame.flags == 0 && frame.total > max_message_) return false;
  if (speaker.peer.id != 0) return frame.sender == speaker.peer.id;
  if (frame.flags != 0 && frame.sender == 0) return meet(speaker, frame);
  const auto count = static_cast<std::uint32_t>(slots_.size());
  const auto generation = frame.sender / count;
  if (generation == 0 || generation > generation_of(slots_[frame.sender % count])) return false;
  if (crowd_.find([&](const Connection& each) { return each.peer.id == frame.sender; }))
    return false;
  speaker.peer.id = frame.sender;
  return true;
}

void FramedReceiver::end(Connection& speaker) {
  const Peer& peer = speaker.peer;
  if (peer.id == 0) {
    if (speaker.stream.left() > 0) count_foreign(speaker.stream.left());
  } else {
    const auto slot = peer.id % slots_.size();
    const auto generation = static_cast<std::uint32_t>(peer.id / slots_.size());
    ended_[slot] = std::max(ended_[slot], generation);
    retire(speaker);
  }
  ended(speaker);
  crowd_.leave();
  inbox_.look_soon();
}

void FramedReceiver::retire(Connection& connection) {
  if (std::exchange(connection.retired, true)) return;
  inbox_.retire(connection.peer,
                connection.assembly.is_unfinished() || connection.stream.left() > 0);
}

// Whether everything is here that the senders have sent whose ends were found: if not, those ends are
// told later. What is missing may wait in the backlog, because there is no descriptor for it, or still
// be on its way; but then an EOF follows it, unless a forked child holds the connection.
bool FramedReceiver::may_settle() {
  if (crowd_.is_short()) return false;
  if (!is_on_its_way_ || !inbox_.has_marked()) return true;
  return !crowd_.find([&](Connection& each) {
    const bool is_stranger = each.peer.id == 0 && !each.met;
    const bool matters = is_stranger || (!each.retired && inbox_.is_over(each.peer));
    return matters && !has_arrived(each);
  });
}

// Asked once for all ends found until now. Only what is found empty after that is empty.
bool FramedReceiver::has_arrived(Connection& connection) {
  if (connection.arrived == inbox_.marks()) return true;
  if (is_on_its_way_(connection)) return false;
  connection.arrived = inbox_.marks();
  arrived_in_ = crowd_.round();
  return true;
}

// Whether all that the ended owners of the slot have sent is out. A stranger may be any of them.
bool FramedReceiver::drain(std::uint32_t slot, std::uint32_t generation) {
  const auto count = static_cast<std::uint32_t>(slots_.size());
  const auto is_theirs = [&](const Connection& each) {
    return each.peer.id != 0 && each.peer.id % count == slot && each.peer.id / count <= generation;
  };
  const auto is_drained_since = [&](std::uint64_t round) {
    return crowd_.drained_since(
        round, [&](const Connection& each) { return each.peer.id == 0 || is_theirs(each); });
  };
  if (!is_drained_since(marked_in_) || !may_settle() || !is_drained_since(arrived_in_))
    return false;
  // Empty but open: a forked child of the sender holds it.
  while (Connection* held =
             crowd_.find([&](const Connection& each) { return !each.retired && is_theirs(each); }))
    retire(*held);
  return true;
}

}  // namespace ipc::connected
