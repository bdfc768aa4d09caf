#include "ipc/sync/mutex.hpp"

#include <cerrno>

#include "ipc/sys/call.hpp"
#include "ipc/sys/error.hpp"

namespace ipc::sync {
namespace {

Terms terms() {
  Terms terms;
  terms.kind = Kind::mutex;
  return terms;
}

}  // namespace

Mutex::Mutex(const std::string& name, const Options& options, Recursion recursion)
    : party_(name, terms(), options), recursion_(recursion) {}

Mutex::~Mutex() {
  if (depth_ > 0 && party_.is_ours()) forsake(party_.page().lock);
}

Outcome Mutex::lock(Deadline deadline) {
  party_.check_fork();
  if (depth_ > 0) {
    if (recursion_ == Recursion::forbidden)
      throw Error(Trouble::invalid, EDEADLK,
                  "lock " + party_.path().full() + ": this handle has it already");
    ++depth_;
    return Outcome::ok;
  }
  const Outcome outcome = take(party_.page().lock, party_, deadline);
  party_.check_file();
  if (outcome == Outcome::timed_out) return outcome;
  depth_ = 1;
  sys::remark("one compare-and-swap has put our name into the lock's word");
  return outcome;
}

void Mutex::unlock() {
  party_.check_fork();
  if (depth_ == 0)
    throw Error(Trouble::invalid, EPERM,
                "unlock " + party_.path().full() + ": this handle does not have it");
  if (--depth_ > 0) return;
  sys::remark("one exchange takes our name out of it, and tells whether anybody waits");
  give(party_.page().lock);
  party_.check_file();
}

std::optional<pid_t> Mutex::holder() const {
  const Identity who = holder_of(party_.page().lock);
  if (who.generation == 0) return std::nullopt;
  return party_.pid_of(who);
}

unsigned Mutex::release() {
  const unsigned depth = std::exchange(depth_, 0);
  give(party_.page().lock);
  return depth;
}

Outcome Mutex::retake(unsigned depth) {
  const Outcome outcome = take(party_.page().lock, party_, Deadline::never(), Stops::ignored);
  depth_ = depth;
  return outcome;
}

}  // namespace ipc::sync
