// Something that has happened, or not yet.
#pragma once

#include <string>

#include "ipc/sync/party.hpp"
#include "ipc/sync/word_lock.hpp"

namespace ipc::sync {

/// A flag that can be awaited. Once it is set all who wait go on, and all who come later do not wait,
/// until it is cleared. Who waited while it was set goes on even if it was cleared again before he
/// woke up. It stays set when nobody uses it.
///
/// When somebody dies, at any instruction: the event has no holder, so nobody's death is noticed. A
/// set() under way has set it and woken all, or neither, because one system call does both; so who
/// waits does not even wake up now and then to look after others.
class Event {
 public:
  explicit Event(const std::string& name, const Options& options = {});
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void set();
  void clear();
  bool is_set() const;
  /// ok or timed_out.
  Outcome wait(Deadline deadline = Deadline::never());

  /// Party::heed().
  void heed(Stop& stop) { party_.heed(stop); }
  const sys::Path& path() const { return party_.path(); }

 private:
  Party party_;
};

}  // namespace ipc::sync
