// What a sender and a receiver do in the tests that kill or mislead them at each of their calls: all
// that the library offers, once, in as few calls as it can.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "tests/conformance/conformance.hpp"

namespace conformance {

/// The kind of that name, also one on trial, or null.
const ipc::Kind* find_kind(std::string_view name);

/// How many messages send_all() sends, numbered from 0.
inline constexpr std::uint32_t kScriptMessages = 4;

/// A size at which a message is many units of the channel, though not a thousand: that of other kinds,
/// or less.
std::size_t of_many_units(const ipc::Kind& kind, std::size_t size);

/// Connects, sends, and leaves in good order. Throws if a send does not succeed.
void send_all(const ipc::Kind& kind, const std::string& address, std::uint32_t author);

/// While it lives, as many receivers as a wave has fit into the limits of the system beside each
/// other, if they listen with in_a_crowd(); also in programs that are started meanwhile.
class Crowd {
 public:
  Crowd(const ipc::Kind& kind, std::size_t receivers);
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
};
Options in_a_crowd();

/// Listens, says so by calling `listens` with its address, and ends when it has received
/// kScriptMessages messages or the deadline has passed; in good order. Throws if one of them is torn.
void receive_some(const ipc::Kind& kind, const std::string& address,
                  const std::function<void(const std::string&)>& listens, Deadline deadline);

}  // namespace conformance
