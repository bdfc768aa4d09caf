// What the cases of the conformance suite share: the kind under test, addresses, messages that tell
// whether they are whole, and receivers and senders in other processes.
//
// The cases ask traits, never names, so that a kind is tested by being listed in ipc/kinds.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/transport.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"

namespace conformance {

using namespace std::chrono_literals;
using ipc::Bytes;
using ipc::Deadline;
using ipc::Options;
using ipc::Status;
using test::Child;
using test::expect;
using test::Shared;

/// The kind under test; set by main.
const ipc::Kind& kind();
void set_kind(const ipc::Kind& kind);
/// Whether the kind knows this field of Options.
bool knows(std::string_view option);

/// The fixture of all cases.
class Case : public test::Guard {
 public:
  explicit Case(std::chrono::seconds limit = 60s) : Guard(limit) {}
  /// Removes what durable kinds keep because it is unread: that is no litter.
  ~Case();
  /// An address that nobody uses; "" for kinds without names.
  std::string fresh_address();
  /// A receiver at a fresh address. Connect to its address().
  std::unique_ptr<ipc::Receiver> listen(const Options& options = {});
  /// Removes what a killed receiver left at a fresh_address().
  void remove(const std::string& address);

 private:
  int addresses_ = 0;
};

// Messages

/// `size` bytes that say who made them and are all determined by that; at least kLabelled.
inline constexpr std::size_t kLabelled = 16;
std::vector<std::byte> message(std::uint32_t author, std::uint32_t number, std::size_t size);
struct Label {
  std::uint32_t author;
  std::uint32_t number;
};
/// The label of a message made by message(); empty if a single byte is not as it was.
std::optional<Label> label_of(Bytes bytes);
/// Any number of bytes, with many NULs among them.
std::vector<std::byte> some_bytes(std::size_t size, std::uint32_t seed = 1);
bool same(Bytes a, Bytes b);
Bytes text(std::string_view text);
std::string text_of(Bytes bytes);

/// At most `bytes`, less if the kind cannot move that many in about half a second: so that what
/// takes a moment with shared memory does not take minutes with signals.
std::size_t bulk(std::size_t bytes);

// Other processes

/// Connects as the contract means it, to a receiver that lives: what a durable kind does only if it is
/// asked to.
std::unique_ptr<ipc::Sender> connect(const std::string& address);

/// A child that connects, runs the body and leaves in good order.
Child sender(const std::string& address, const std::function<int(ipc::Sender&)>& body);

/// What listens in a process of its own. The constructor returns when it does.
class RemoteListener {
 public:
  using Announce = std::function<void(const std::string& address)>;
  /// The child runs `body`, which announces its address as soon as it listens.
  explicit RemoteListener(const std::function<int(const Announce&)>& body);
  /// What to connect to.
  std::string address() const { return state_->address.get(); }
  Child& process() { return process_; }
  /// SIGKILL.
  void kill() { process_.kill(); }

 private:
  struct State {
    test::Gate listens;
    test::SharedText address;
  };
  Shared<State> state_;
  Child process_;
};
struct RemoteReceiver : RemoteListener {
  RemoteReceiver(const std::string& address, const std::function<int(ipc::Receiver&)>& body,
                 const Options& options = {});
};
/// The body of a receiver that never receives.
int sleep_for_ever(ipc::Receiver& receiver);
/// The body of a receiver that receives until it is killed.
int receive_for_ever(ipc::Receiver& receiver);

// Receiving

/// The two ways of hearing of things: in a blocking receive, or in an event loop.
enum class Style { blocking, polled };
/// Runs the case once for each.
Style each_style();

class Ears {
 public:
  explicit Ears(ipc::Receiver& receiver, Style style = Style::blocking)
      : receiver_(receiver), style_(style) {}
  ipc::Received next(std::chrono::nanoseconds patience = 10s);
  /// The next that is not a message, having counted messages into `messages`.
  ipc::Received next_end(std::size_t* messages = nullptr, std::chrono::nanoseconds patience = 10s);

 private:
  ipc::Receiver& receiver_;
  Style style_;
  bool drained_ = false;
};

/// So long nothing must happen for a case to believe that nothing will: one look at the locks and more.
inline constexpr auto kQuiet = 350ms;

/// Whether a message with that text comes, as the first; at durable kinds behind whatever an earlier
/// receiver left.
bool comes(ipc::Receiver& receiver, std::string_view text);

/// Whether a descriptor becomes readable within `patience`.
bool becomes_readable(int fd, std::chrono::nanoseconds patience);

/// Sends at_once until the channel is full; how many messages went in. `size` bytes each.
std::uint32_t fill(ipc::Sender& sender, std::uint32_t author, std::size_t size);

/// The error that `act` throws; fails the case if it throws none or another.
template <class Act>
ipc::Error error_of(Act act) {
  try {
    (void)act();
  } catch (const ipc::Error& error) {
    return error;
  }
  FAIL("no ipc::Error was thrown");
  return {ipc::Trouble::failed, 0, ""};
}

inline bool contains(const std::string& whole, const std::string& part) {
  return whole.find(part) != std::string::npos;
}

class Stopwatch {
 public:
  std::chrono::nanoseconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// A copy of something received that outlives the next receive.
struct Kept {
  explicit Kept(const ipc::Received& received)
      : status(received.status),
        bytes(received.message.begin(), received.message.end()),
        peer(received.peer),
        unfinished(received.unfinished) {}
  Status status;
  std::vector<std::byte> bytes;
  ipc::Peer peer;
  bool unfinished;
};

}  // namespace conformance

namespace doctest {
template <>
struct StringMaker<ipc::Status> {
  static String convert(ipc::Status status) { return std::string(to_string(status)).c_str(); }
};
template <class Rep, class Period>
struct StringMaker<std::chrono::duration<Rep, Period>> {
  static String convert(std::chrono::duration<Rep, Period> span) {
    return (std::to_string(std::chrono::duration<double, std::milli>(span).count()) + " ms")
        .c_str();
  }
};
}  // namespace doctest
