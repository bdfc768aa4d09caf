// Waiting for a descriptor until a deadline, and the two objects that turn waiting into something
// that can itself be polled.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <span>

#include "ipc/sys/call.hpp"
#include "ipc/sys/deadline.hpp"
#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// Waits with ppoll(2) until `fd` can be read (or has failed, or hung up) or the deadline passes;
/// says which. A signal that interrupts the wait does not end it.
bool wait_readable(int fd, Deadline deadline, const char* why);
bool wait_writable(int fd, Deadline deadline, const char* why);
/// Waits for nothing but the deadline.
void wait_until(Deadline deadline, const char* why);

/// A monotonic clock that is read in 5 ns and may be some milliseconds behind
/// (CLOCK_MONOTONIC_COARSE): for "is it long ago?" on every message.
std::chrono::nanoseconds coarse_now();

/// epoll(7): an epoll descriptor is readable while any of its members is, so several descriptors
/// can be handed out as one.
Fd make_epoll(const char* why);
void epoll_add(int epoll, int fd, const char* why);
/// Needed before close(2): a descriptor that a forked child still holds would stay a member.
void epoll_remove(int epoll, int fd, const char* why);
/// epoll_pwait2(2): which members can be read, at the front of `events` (data.fd is the member).
/// Waits for the first until the deadline; an interruption by a signal counts as nothing.
std::size_t epoll_wait(int epoll, std::span<epoll_event> events, Deadline deadline,
                       const char* why);

/// timerfd_create(2) on the monotonic clock, unarmed.
Fd make_timer(const char* why);
/// Readable `period` from now and every `period` again; zero disarms it.
void set_timer(int timer, std::chrono::nanoseconds period, const char* why);
/// Takes the timer's expirations, so that it is not readable until the next.
void clear_timer(int timer, const char* why);

}  // namespace ipc::sys
