#include "tools/cli/exit.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "tools/cli/output.hpp"

namespace tools {
namespace {

// The next object that we open would become our stdin, stdout or stderr if that is closed, and be
// read or written in its place.
void hold_closed_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    struct stat status {};
    if (::fstat(fd, &status) == 0 || errno != EBADF) continue;
    // The lowest that is free, so it is this one; open the wrong way round, so that what uses it
    // fails with EBADF as before. Commands inherit it.
    const int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", flags) < 0) throw ipc::Error("open", "/dev/null", errno);
  }
}

}  // namespace

Exit guarded(const std::string& program, const std::function<Exit()>& body) {
  try {
    hold_closed_standard_descriptors();
    return body();
  } catch (const Ending& ending) {
    complain(program, ending.what());
    return ending.code();
  } catch (const ipc::Error& error) {
    complain(program, error.what());
    return exit_code(error);
  } catch (const OutputClosed&) {
    // Only where SIGPIPE is ignored; else that has ended us, as it ends coreutils.
    complain(program, "write stdout: Broken pipe");
    return Exit::error;
  } catch (const std::exception& error) {
    complain(program, error.what());
    return Exit::error;
  }
}

Exit exit_code(const ipc::Error& error) {
  switch (error.trouble()) {
    case ipc::Trouble::no_receiver:
      return Exit::peer_gone;
    case ipc::Trouble::invalid:
      // Of what callers can get wrong these two are on the command line: a value, or a wish that
      // the kind does not know. Others are the state of a directory, for example.
      return error.code().value() == EINVAL || error.code().value() == ENOTSUP ? Exit::usage
                                                                               : Exit::error;
    case ipc::Trouble::limit:
      return Exit::limit;
    case ipc::Trouble::corrupt:
      return Exit::corrupt;
    case ipc::Trouble::in_use:
    case ipc::Trouble::failed:
      break;
  }
  return Exit::error;
}

void complain(const std::string& program, const std::string& sentence) noexcept {
  if (sentence.empty()) return;
  const std::string line = program + ": " + sentence + "\n";
  // Where stderr cannot be written there is nobody to tell.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

}  // namespace tools
