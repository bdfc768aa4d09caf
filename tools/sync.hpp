// The programs around synchronisation objects and shared lists (ipc/sync), for shells: each is one call
// of one of these functions. They have flock(1)'s habits: -n, -w SECONDS, -E CODE, and CMD after "--".
#pragma once

namespace tools {

/// Runs CMD while it has the mutex NAME.
int lock_run_main(int argc, char** argv);

/// Runs CMD while it holds a permit of the semaphore NAME.
int sem_run_main(int argc, char** argv);
/// Uses a permit up.
int sem_wait_main(int argc, char** argv);
/// Makes permits.
int sem_post_main(int argc, char** argv);

/// Waits until the event NAME is set; sets it; clears it.
int event_wait_main(int argc, char** argv);
int event_set_main(int argc, char** argv);
int event_clear_main(int argc, char** argv);

/// Waits until so many wait at the barrier NAME.
int barrier_wait_main(int argc, char** argv);

/// Waits to be notified; notifies one who waits, or all.
int cond_wait_main(int argc, char** argv);
int cond_notify_main(int argc, char** argv);

/// Puts values into the list NAME; takes some off; prints it; removes it.
int list_push_main(int argc, char** argv);
int list_pop_main(int argc, char** argv);
int list_show_main(int argc, char** argv);
int list_remove_main(int argc, char** argv);

/// Waits until the timer NAME is due; starts or stops it.
int timer_wait_main(int argc, char** argv);
int timer_set_main(int argc, char** argv);

}  // namespace tools
