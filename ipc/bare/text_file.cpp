#include "ipc/bare/text_file.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "ipc/sys/file.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::bare {
namespace {

// A name that leads to one of our own logs is not followed: its bytes are records, not lines.
sys::Path checked(const std::string& address, const char* verb) {
  auto path = sys::resolve(address);
  if (sys::is_object_name(sys::readlink(path.full(), "is it one of our own objects?")))
    throw Error(Trouble::invalid, EPROTOTYPE,
                std::string(verb) + " " + path.full() + ": is not bare; use it without --bare");
  return path;
}

sys::Fd open_file(const sys::Path& path, int flags, mode_t mode, const char* why) {
  prepare_directory(path);
  // Made exclusively first, so that the mode is set on a file of ours only.
  const auto made =
      sys::open(path.full(), flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600, why);
  if (made.error == EEXIST)
    return sys::Fd(sys::open(path.full(), flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0, why)
                       .check(path.full())
                       .fd());
  sys::Fd file(made.check(path.full()).fd());
  (void)sys::fchmod(file.get(), mode, "exactly this mode, whatever the umask").check(path.full());
  return file;
}

void check_regular(int file, const sys::Path& path) {
  struct stat about {};
  (void)sys::fstat(file, about, "is it a file?").check(path.full());
  if (!S_ISREG(about.st_mode))
    throw Error(Trouble::invalid, EPROTOTYPE, "open " + path.full() + ": is no regular file");
}

}  // namespace

TextFileReceiver::TextFileReceiver(const std::string& address, std::size_t max_message, mode_t mode)
    : Receiver(address),
      path_(checked(address, "listen")),
      watch_((prepare_directory(path_), path_.directory), IN_MODIFY | IN_CREATE | IN_MOVED_TO,
             "tells of new lines, and of a new file under the name"),
      file_(open_file(path_, O_RDONLY, mode, "to follow it")),
      lines_(max_message) {
  check_regular(file_.get(), path_);
}

Received TextFileReceiver::do_receive(Deadline deadline) {
  for (;;) {
    if (const auto line = lines_.next()) return {Status::ok, *line};
    if (fill() || go_on_with_successor()) continue;
    bool ours = false;
    (void)watch_.take([&](std::uint32_t events, std::string_view name) {
      ours = ours || name == path_.name || (events & IN_Q_OVERFLOW) != 0;
    });
    if (ours) continue;
    if (deadline.expired()) return {};
    sys::wait_readable(watch_.fd(), deadline, "until the file grows or is replaced");
  }
}

bool TextFileReceiver::fill() {
  const auto got =
      sys::pread(file_.get(), lines_.room(), offset_, "whatever was appended").check(address());
  if (got.count() > 0) {
    offset_ += static_cast<off_t>(got.count());
    lines_.filled(got.count());
    return true;
  }
  struct stat about {};
  (void)sys::fstat(file_.get(), about, "shorter than before?").check(address());
  if (about.st_size >= offset_) return false;
  offset_ = 0;  // truncated: what is there now is new
  return about.st_size > 0;
}

bool TextFileReceiver::go_on_with_successor() {
  struct stat now {
  }, ours{};
  if (::stat(path_.full().c_str(), &now) != 0) return false;  // not there yet
  (void)sys::fstat(file_.get(), ours, "is it still the one under the name?").check(address());
  if (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev) return false;
  // Lines may have been appended after we had found its end and before it was replaced.
  if (fill()) return true;
  const auto opened = sys::open(path_.full(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0,
                                "the old one is read to its end: its successor");
  if (opened.error == ENOENT) return false;
  file_ = sys::Fd(opened.check(path_.full()).fd());
  check_regular(file_.get(), path_);
  offset_ = 0;
  return true;
}

TextFileSender::TextFileSender(const std::string& address) : Sender(kMaxMessage) {
  const auto path = checked(address, "connect");
  path_ = path.full();
  file_ = open_file(path, O_WRONLY | O_APPEND, 0600, "to append to it");
  check_regular(file_.get(), path);
}

Status TextFileSender::do_send(Bytes message, Deadline) {
  constexpr std::byte newline{'\n'};
  for (std::size_t done = 0; done <= message.size();) {
    const std::array parts{sys::part(message.subspan(done)), sys::part(Bytes(&newline, 1))};
    done += sys::writev(file_.get(), parts, "a line at the end, wherever that is then")
                .check(path_)
                .count();
  }
  return Status::ok;
}

}  // namespace ipc::bare
