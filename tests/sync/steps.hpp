// Processes that are killed after each single machine instruction of what they do.
#pragma once

#include <cstdint>
#include <functional>

namespace sync_test {

/// Something to do, and what has to stand ready before, made in the process that does it.
using Script = std::function<std::function<void()>()>;

/// Runs what `script` returns in a new process and kills that by SIGKILL after its first instruction,
/// in another after its second, and so on; `before` runs ahead of each process and `after` behind
/// it, with whether it got through, as the first and the last one do. At most `most` of the
/// instructions are chosen, evenly; with IPC_TEST_LONG 10,000, which are all that most scripts have.
/// Returns how many there are. What the script does must not wait for `after`.
std::uint64_t kill_at_each_step(std::uint64_t most, const std::function<void()>& before,
                                const Script& script, const std::function<void(bool)>& after);

}  // namespace sync_test
