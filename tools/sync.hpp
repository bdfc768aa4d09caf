// The programs around synchronisation objects (ipc/sync), for shells: each is one call of one of
// these functions. They have flock(1)'s habits: -n, -w SECONDS, -E CODE, and CMD after "--".
#pragma once

namespace tools {

/// Runs CMD while it has the mutex NAME.
int lock_run_main(int argc, char** argv);

}  // namespace tools
