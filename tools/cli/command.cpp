#include "tools/cli/command.hpp"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "ipc/sys/error.hpp"

extern char** environ;

namespace tools {
namespace {

// What posix_spawn(3) does between fork and exec. Signals need nothing: exec resets what is
// handled, and what our parent had us ignore the command shall ignore as well.
struct DescriptorRules {
  posix_spawn_file_actions_t actions;

  explicit DescriptorRules(int standard_input) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, standard_input, STDIN_FILENO);
    // Ours are all close-on-exec; this is for descriptors that our own parent left open.
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  }
  DescriptorRules(const DescriptorRules&) = delete;
  DescriptorRules& operator=(const DescriptorRules&) = delete;
  ~DescriptorRules() { posix_spawn_file_actions_destroy(&actions); }
};

std::string ending_of(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    return std::string("was killed by SIG") + (name != nullptr ? name : "?");
  }
  if (WEXITSTATUS(status) != 0) return "ended with " + std::to_string(WEXITSTATUS(status));
  return "";
}

}  // namespace

MessageFile::MessageFile(std::string_view message) : fd_(::memfd_create("message", MFD_CLOEXEC)) {
  if (!fd_.is_open()) throw ipc::Error("memfd_create", "message", errno);
  while (!message.empty()) {
    const ssize_t count = ::write(fd_.get(), message.data(), message.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw ipc::Error("write", "message", errno);
    message.remove_prefix(static_cast<std::size_t>(count));
  }
  ::lseek(fd_.get(), 0, SEEK_SET);
}

std::vector<std::string> environment_for(const Arrival& arrival) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    // What an outer recv --exec has set must not be taken for ours.
    const std::string_view text = *variable;
    if (!text.starts_with("IPC_NUMBER=") && !text.starts_with("IPC_SENDER_") &&
        !text.starts_with("IPC_CLAIMED_PID="))
      variables.emplace_back(text);
  }
  variables.push_back("IPC_NUMBER=" + std::to_string(arrival.number));
  if (arrival.peer.pid)
    variables.push_back("IPC_SENDER_PID=" + std::to_string(*arrival.peer.pid));
  else if (arrival.peer.claimed_pid)
    variables.push_back("IPC_CLAIMED_PID=" + std::to_string(*arrival.peer.claimed_pid));
  if (arrival.peer.uid) variables.push_back("IPC_SENDER_UID=" + std::to_string(*arrival.peer.uid));
  return variables;
}

std::string run_command(const std::string& command, std::string_view message,
                        const Arrival& arrival) {
  const MessageFile input(message);
  const DescriptorRules rules(input.fd());
  std::vector<std::string> variables = environment_for(arrival);
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  pointers.push_back(nullptr);

  std::string shell = "sh";
  std::string flag = "-c";
  std::string line = command;
  const std::array<char*, 4> arguments{shell.data(), flag.data(), line.data(), nullptr};
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, "/bin/sh", &rules.actions, nullptr, arguments.data(), pointers.data());
  if (error != 0) throw ipc::Error("posix_spawn", "/bin/sh", error);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) throw ipc::Error("waitpid", std::to_string(pid), errno);
  return ending_of(status);
}

}  // namespace tools
