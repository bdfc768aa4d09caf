// How a message travels as signals.
//
// A queued signal has room for a word and 24 bytes, or where a kernel does not copy all of it, for 8
// bytes: too little to repeat the 24 bytes of a frame's header (wire/frame.hpp) in each. Signals of
// one number keep their order, so most of that header needs to be said once only:
//
//   header, 24 bits:   slot 12 | part 2 | generation 4 | check 6       (8 more bits of check if wide)
//
//   part    bytes
//   hello   the number of the connection, 4; salt, the rest. Before anything else of a sender
//   first   length of the message, 4; its first bytes
//   rest    the bytes that follow
//   nudge   nothing; somebody came or left, so look at the lease
//
// Wide, the header is the word and the bytes are 24; narrow, the header is the first 3 of 8 bytes and
// 5 are left. `generation` are the last bits of the slot's, `check` is over the header, the salt of
// this life of the receiver and the position in the message: a lost signal, or one of somebody else,
// is noticed. Numbers are in the machine's own byte order: signals do not leave it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "ipc/wire/frame.hpp"

namespace ipc::wire {

inline constexpr std::size_t kSignalBytes = 24;
inline constexpr std::size_t kNarrowBytes = 5;  ///< In the 8 bytes that sigqueue(3) promises.

enum class SignalPart : std::uint8_t { nudge, hello, first, rest };

struct SignalFrame {
  std::uint32_t header = 0;
  std::array<std::byte, kSignalBytes> bytes{};  ///< kNarrowBytes of them if not wide.
};

/// What receiver and senders of one channel have agreed on.
struct SignalForm {
  bool wide = false;
  std::uint32_t salt = 0;
  std::uint32_t slots = 0;

  std::size_t bytes() const { return wide ? kSignalBytes : kNarrowBytes; }
};

/// How a frame lies in a queued signal.
struct SignalCargo {
  std::uint32_t word = 0;                       ///< Wide only.
  std::array<std::byte, kSignalBytes> bytes{};  ///< The first 8 if not wide.
};
SignalCargo pack(const SignalForm& form, const SignalFrame& frame);
SignalFrame unpack(const SignalForm& form, const SignalCargo& cargo);

/// Cuts messages of one connection. One thread.
class SignalWriter {
 public:
  SignalWriter(const SignalForm& form, std::uint32_t id) : form_(form), id_(id) {}

  static SignalFrame nudge(const SignalForm& form);
  SignalFrame hello() const;
  /// Begins a message; what was unfinished is given up.
  void begin(Bytes message);
  /// The next frame of it. It stays the next until advance().
  SignalFrame next() const;
  void advance();
  bool is_done() const { return done_; }

 private:
  SignalForm form_;
  std::uint32_t id_;
  Bytes message_{};
  std::size_t offset_ = 0;
  std::uint32_t index_ = 0;
  bool done_ = true;
};

/// Understands the signals of one slot: turns them into frames again. One thread.
class SignalReader {
 public:
  /// Which slot a frame claims to be of, if its form is right at all.
  static std::optional<std::uint32_t> slot_of(const SignalForm& form, const SignalFrame& frame);
  static bool is_nudge(const SignalForm& form, const SignalFrame& frame);
  /// The connection that a hello announces.
  static std::optional<std::uint32_t> hello_of(const SignalForm& form, const SignalFrame& frame);

  /// From now on the slot is this connection's, and its signals come from `pid`.
  void enter(std::uint32_t id, std::int32_t pid);
  std::uint32_t id() const { return id_; }
  bool is_of(std::int32_t pid) const { return id_ != 0 && pid == pid_; }
  /// A frame of this slot that is no hello. Empty if it does not continue what came before; the
  /// payload is a view into `frame`.
  std::optional<Frame> read(const SignalForm& form, const SignalFrame& frame);

 private:
  std::uint32_t id_ = 0;
  std::int32_t pid_ = 0;
  std::uint32_t message_ = 0;
  std::uint32_t total_ = 0;
  std::uint32_t offset_ = 0;
  std::uint32_t index_ = 0;
  bool active_ = false;
};

}  // namespace ipc::wire
