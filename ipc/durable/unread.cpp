#include "ipc/durable/unread.hpp"

#include <algorithm>
#include <cerrno>

#include "ipc/sys/error.hpp"
#include "ipc/sys/letter.hpp"

namespace ipc::durable {

using wire::LetterName;

Unread::Unread(const std::string& directory, std::uint32_t slots)
    : directory_(directory),
      watch_(directory, IN_MOVED_TO | IN_ATTRIB,
             "IN_MOVED_TO: a message; IN_ATTRIB: somebody came or left"),
      read_(slots) {
  rescan();  // only now: what comes from here on is told as well
}

Unread::News Unread::gather() {
  bool touched = false;
  const auto events = watch_.take([&](std::uint32_t event, std::string_view text) {
    if (event & IN_ATTRIB && text.empty()) touched = true;
    if (event & IN_MOVED_TO) add(text);
  });
  if (watch_.is_ticking()) {
    // In order: what was told before the look is in the directory at the look.
    const auto before = unread_.size();
    rescan();
    if (events != 0) return News::touched;
    return unread_.size() != before ? News::some : News::none;
  }
  if (events & IN_Q_OVERFLOW) rescan();
  if (events & (IN_IGNORED | IN_UNMOUNT))
    throw Error(Trouble::corrupt, ENOENT, "mailbox " + directory_ + ": somebody removed it");
  if (events == 0) return News::none;
  return touched || (events & IN_Q_OVERFLOW) != 0 ? News::touched : News::some;
}

void Unread::rescan() {
  std::vector<std::uint64_t> latest(read_.size());
  for (const bool first : {true, false})
    for (const auto& text : sys::letters_in(directory_)) {
      const auto name = LetterName::parse(text);
      if (!name) {
        skip(text, 0);
        continue;
      }
      auto& last = latest[name->sender % latest.size()];
      if (first) last = std::max(last, name->ticket);
      if (name->ticket <= last) add(text);
    }
}

void Unread::add(std::string_view text) {
  const auto name = LetterName::parse(text);
  if (!name) {
    skip(std::string(text), 0);
    return;
  }
  // A rescan and an event may both tell of it.
  const LetterName& last = read_[name->sender % read_.size()];
  if (last.ticket == 0 || name->ticket > last.ticket) unread_.insert(*name);
}

void Unread::skip(const std::string& name, std::uint64_t size) {
  if (foreign_.insert(name).second) foreign_bytes_ += std::max<std::uint64_t>(size, 1);
}

}  // namespace ipc::durable
