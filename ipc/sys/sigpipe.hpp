#pragma once

namespace ipc::sys {

/// Makes write(2) to a pipe without a reader an error, EPIPE, instead of the process's death by
/// SIGPIPE, if the program has left that signal at its default. There is no MSG_NOSIGNAL for pipes
/// and masking the signal around each write would cost two system calls. A handler that does
/// nothing is installed rather than SIG_IGN, because ignored signals stay ignored across execve(2)
/// and programs started from here would not end when their reader does; handlers do not.
void survive_sigpipe();

}  // namespace ipc::sys
