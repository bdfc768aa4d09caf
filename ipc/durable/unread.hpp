// Which messages lie unread in a mailbox, in order.
//
// inotify(7) tells of each that is renamed into the directory, until its queue overflows: after
// 16,384 events (fs.inotify.max_queued_events) one says that some were lost. Then, and at the
// beginning, the directory must be read. Reading is no snapshot: it may show a message and miss the
// one before it, which was renamed behind its back. A second reading has that one for certain, so of
// the second only what has a successor in the first, of the same sender, is new.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/sys/inotify.hpp"
#include "ipc/wire/letter_name.hpp"

namespace ipc::durable {

/// One thread at a time.
class Unread {
 public:
  /// Watches `directory`, and has what is in it. `slots`: a sender's slot is its number modulo this.
  Unread(const std::string& directory, std::uint32_t slots);

  /// Readable when gather() may have something to take.
  int fd() const { return watch_.fd(); }
  enum class News {
    none,
    some,     ///< Something has happened.
    touched,  ///< The same, and somebody may have come or left.
  };
  /// Takes what is told. Throws Trouble::corrupt if the directory was removed.
  News gather();

  bool empty() const { return unread_.empty(); }
  /// The next, if there is one.
  const wire::LetterName& front() const { return *unread_.begin(); }
  void pop() { unread_.erase(unread_.begin()); }
  /// This one was read; it and those before it of its sender are not unread again.
  void note_read(const wire::LetterName& name) { read_[name.sender % read_.size()] = name; }

  /// It is no message, and stays where it is. Counts once, as `size` bytes but at least one.
  void skip(const std::string& name, std::uint64_t size);
  std::uint64_t foreign_bytes() const { return foreign_bytes_; }

 private:
  void rescan();
  void add(std::string_view text);

  std::string directory_;
  sys::Watch watch_;
  std::set<wire::LetterName> unread_;
  std::vector<wire::LetterName> read_;  ///< The last of each slot.
  std::set<std::string> foreign_;
  std::uint64_t foreign_bytes_ = 0;
};

}  // namespace ipc::durable
