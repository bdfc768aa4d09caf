// The list of mechanisms. To add one, write ipc/kinds/NAME.cpp and name it here, twice.
#pragma once

#include <array>
#include <string_view>

#include "ipc/transport.hpp"

namespace ipc::kinds {

extern const Kind fifo, dgram, pipe, seqpacket, stream, tcp, shm, file, mailbox, sysv_mq, mq,
    boost_mq, signal, mmap;
inline constexpr std::array all{&fifo,    &dgram, &pipe,     &seqpacket, &stream, &tcp,     &shm,
                                &sysv_mq, &mq,    &boost_mq, &signal,    &file,   &mailbox, &mmap};
/// Written and used by their pairs, but not yet through every test that the list must pass; nothing
/// else offers them.
inline constexpr std::array<const Kind*, 0> on_trial{};

/// The kind of that name, or null.
const Kind* find(std::string_view name);
/// The names of all kinds in the list's order, separated by ", ", for messages.
std::string names();

}  // namespace ipc::kinds
