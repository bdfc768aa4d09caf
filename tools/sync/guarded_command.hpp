// A command that runs while its starter holds something for it.
//
// The lock is the starter's, not the command's: nothing is inherited, so a daemon that the command
// leaves behind does not keep it (as with `flock -o`). Therefore the command must not outlive its
// starter: when that is killed, the kernel kills the command with it (PR_SET_PDEATHSIG, prctl(2)).
// What the command itself has started is not killed, and goes on unguarded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/sync/options.hpp"

namespace tools {

/// Runs `options.command`, found in $PATH, with our descriptors 0 to 2 and whatever our parent left
/// open; `variables` ("NAME=value") are added to its environment. Meanwhile signals that a process
/// sends us are passed on to it, those of a terminal reach it by themselves, and none ends us before
/// it. Returns how it ended: with 126 if it cannot be run, with 127 if there is none. Nothing, and it
/// has not been run, if one of those signals had come before.
std::optional<End> run_guarded(const SyncOptions& options, const Interruption& interruption,
                               const std::vector<std::string>& variables);

}  // namespace tools
