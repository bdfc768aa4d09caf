// How a tool ends: the exit codes, and what it says before.
#pragma once

#include <functional>
#include <stdexcept>
#include <string>

#include "ipc/sys/error.hpp"

namespace tools {

/// Besides these a tool ends by the signal that ended it, which a shell shows as 128 + number.
enum class Exit {
  ok = 0,
  error = 1,
  usage = 2,
  peer_gone = 3,  ///< There is no receiver, or it is gone; or a sender died.
  timed_out = 4,
  limit = 5,    ///< A limit of the system or of the channel.
  corrupt = 6,  ///< The object is damaged or of another version.
};

/// Ends a tool with a code of its choice. what() is the sentence for stderr, without the program's
/// name; empty if all has been said.
class Ending : public std::runtime_error {
 public:
  Ending(Exit code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  Exit code() const { return code_; }

 private:
  Exit code_;
};

/// The command line cannot be obeyed.
class UsageError : public Ending {
 public:
  explicit UsageError(const std::string& sentence) : Ending(Exit::usage, sentence) {}
};

/// What a tool that meets this error and cannot help itself ends with.
Exit exit_code(const ipc::Error& error);

/// Runs `body` and returns what it returns, or what the exception that it throws stands for, after
/// having complained of it. To be called before anything is opened: what is closed of stdin, stdout
/// and stderr stays unusable, but is not taken by another object.
Exit guarded(const std::string& program, const std::function<Exit()>& body);

/// "PROGRAM: SENTENCE" as one line on stderr, in one write(2) so that the lines of tools that share
/// a terminal do not mix. Nothing if the sentence is empty.
void complain(const std::string& program, const std::string& sentence) noexcept;

}  // namespace tools
