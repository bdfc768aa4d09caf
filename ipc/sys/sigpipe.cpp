#include "ipc/sys/sigpipe.hpp"

#include <csignal>

#include "ipc/sys/call.hpp"

namespace ipc::sys {

void survive_sigpipe() {
  struct sigaction now {};
  const auto name = [] { return std::string("SIGPIPE, ..."); };
  (void)perform(
      "rt_sigaction", "what would a write without a reader do?",
      [&] { return ::sigaction(SIGPIPE, nullptr, &now); }, name)
      .check("SIGPIPE");
  if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return;
  struct sigaction quiet {};
  quiet.sa_handler = [](int) {};
  quiet.sa_flags = SA_RESTART;
  (void)perform(
      "rt_sigaction", "a write without a reader is an error, not our death",
      [&] { return ::sigaction(SIGPIPE, &quiet, nullptr); }, name)
      .check("SIGPIPE");
}

}  // namespace ipc::sys
