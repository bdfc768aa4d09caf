// Where every system call of the library passes through.
//
// Each wrapper in sys/ makes its call by perform(), which retries after EINTR, keeps errno and,
// only if somebody watches, shows the call to an Observer: that is how --explain narrates and how
// tests inject faults. Unwatched it costs one predicted branch (0.3 ns measured, against 150 ns and
// more for any system call).
#pragma once

#include <atomic>
#include <cerrno>
#include <functional>
#include <string>

#include "ipc/sys/error.hpp"

namespace ipc::sys {

/// What a system call returned, before anybody has judged it.
struct [[nodiscard]] Result {
  const char* call = "";
  long value = -1;
  int error = 0;  ///< errno if value is -1, else 0.

  bool ok() const { return error == 0; }
  std::size_t count() const { return static_cast<std::size_t>(value); }
  int fd() const { return static_cast<int>(value); }
  /// Throws Error unless the call succeeded; `object` is what it was about, a path for example.
  const Result& check(const std::string& object) const {
    if (!ok()) throw Error(call, object, error);
    return *this;
  }
};

/// One call as an observer sees it. All of it is valid only during the observer's function.
struct Call {
  const char* name;                               ///< As strace(1) names it.
  const char* why;                                ///< A literal: why the library makes it here.
  const std::function<std::string()>& arguments;  ///< In strace's order and notation.
};

/// Watches the calls of the whole process. Functions are called by the thread that makes the call,
/// must be thread-safe and must not call into ipc. They may clobber errno.
class Observer {
 public:
  virtual ~Observer() = default;
  /// Before the call; return a Result to pretend it instead of making the call.
  virtual bool before(const Call&, Result& /*pretended*/) { return false; }
  virtual void after(const Call&, const Result&) {}
  /// What matters but needs no system call.
  virtual void remark(const char* /*what*/) {}
  /// What another library is told to do, whose system calls do not pass through here.
  virtual void unseen(const char* /*what*/) {}
};

/// Sets the observer of this process, null for none, and returns the one before. The observer must
/// outlive every call under way.
Observer* observe(Observer* observer);

extern constinit std::atomic<Observer*> observer;

/// Tells the observer what is done without a system call.
inline void remark(const char* what) {
  if (Observer* watcher = observer.load(std::memory_order_relaxed)) [[unlikely]]
    watcher->remark(what);
}

/// Tells the observer what another library does with calls of its own.
inline void unseen(const char* what) {
  if (Observer* watcher = observer.load(std::memory_order_relaxed)) [[unlikely]]
    watcher->unseen(what);
}

Result show(Observer& watcher, const char* name, const char* why, const std::function<long()>& act,
            const std::function<std::string()>& arguments);

/// Makes one call. `act` returns -1 and sets errno on failure; `arguments` renders them for people
/// and runs only when somebody watches.
template <class Act, class Arguments>
Result perform_once(const char* name, const char* why, Act act, Arguments arguments) {
  // Relaxed: the observer is set before the threads that it watches start, or by tests between
  // calls.
  if (Observer* watcher = observer.load(std::memory_order_relaxed)) [[unlikely]]
    return show(
        *watcher, name, why, [&] { return static_cast<long>(act()); }, arguments);
  const long value = static_cast<long>(act());
  return {name, value, value == -1 ? errno : 0};
}

/// The same, again and again while a signal interrupts it. Not for calls with a relative time-out,
/// which would start anew each time (sys/wait.hpp).
template <class Act, class Arguments>
Result perform(const char* name, const char* why, Act act, Arguments arguments) {
  for (;;) {
    const Result result = perform_once(name, why, act, arguments);
    if (result.error != EINTR) return result;
  }
}

}  // namespace ipc::sys
