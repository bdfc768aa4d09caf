// How a sender on another host gets a place: what on one host is done through the lease's page goes
// over the connection, as frames with flags and without a message.
//
//     sender                                     receiver
//     hello: kMagic, pid               ---->     takes a place in its own lease on the sender's behalf
//                                      <----     welcome: max_message; or refused: a sentence
//     frames ...                       ---->
//     goodbye                          ---->     leaves the place
//
// and over a second connection, made when taken() is first asked:
//
//     watch: the number of the first   ---->
//                                      <----     taken: how many, again whenever it has grown
//
// A second connection, because a receiver that writes back on the first could destroy messages: what
// arrives at a socket that its dead owner has left makes the kernel reset the connection, and throw
// away what was still on its way, RFC 1122 4.2.2.13.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "ipc/connected/stream.hpp"
#include "ipc/sys/tcp.hpp"
#include "ipc/transport.hpp"

namespace ipc::connected {

inline constexpr std::uint8_t kHello = 2;
inline constexpr std::uint8_t kGoodbye = 4;
inline constexpr std::uint8_t kRefused = 8;
inline constexpr std::uint8_t kWatch = 16;
inline constexpr std::uint8_t kTaken = 32;
inline constexpr std::string_view kMagic = "ipcways1";

/// A frame without a message, whole, with its commit byte. All numbers are little-endian.
std::string note(std::uint8_t flags, std::uint32_t sender, std::string_view payload = {});
std::string number_text(std::uint32_t number);
std::uint32_t number_of(Bytes text);

/// Sends a note to somebody who has room for it or gets none. False if it did not go in whole.
bool send_note(int socket, const std::string& note, const char* why);

/// Reads notes; one thread at a time.
class NoteReader {
 public:
  /// The next note, or false if none came until the deadline. Throws Trouble::no_receiver if the
  /// connection ends, Trouble::invalid if what comes is no note.
  bool next(int socket, wire::Frame& frame, Deadline deadline, const std::string& object);

 private:
  wire::StreamParser parser_;
};

}  // namespace ipc::connected
