// Senders and receivers that are disturbed at one of their calls, and what must hold nevertheless.
//
// Both checks start children 1, 2, 3 ... in waves, each disturbed at the call of its number, until one
// ran untouched to its end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/conformance/conformance.hpp"

namespace conformance {

inline constexpr int kUntouched = 7;  ///< How a child says that its script ran to its end,
inline constexpr int kRefused = 8;    ///< ... or ended by an ipc::Error.

enum class Disturbance { kills, fails };

/// Starts a child that does send_all() with the number as author.
using StartSender = std::function<Child(std::uint32_t call)>;
/// One receiver for all of them, and a healthy sender among them: what is received must be whole and
/// in order, who did not finish must be told as dead, once, and the healthy one loses nothing. Returns
/// how many were started.
std::uint32_t check_senders(ipc::Receiver& receiver, const StartSender& start, Disturbance what);

using Listens = std::function<void(const std::string& address)>;
/// Does receive_some(), with the address "name", in the process where it is called.
using RunReceiver = std::function<int(std::uint32_t call, const Listens& listens)>;
/// Each has an address of its own below `directory`. A sender that meets it must not hang, and a
/// newcomer must find the address usable, meet nothing of the old life, and leave nothing.
std::uint32_t check_receivers(const std::string& directory, const RunReceiver& run,
                              Disturbance what);

}  // namespace conformance
