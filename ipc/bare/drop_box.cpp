#include "ipc/bare/drop_box.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>

#include "ipc/sys/durable_lease.hpp"
#include "ipc/sys/file.hpp"
#include "ipc/sys/letter.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::bare {
namespace {

sys::Path checked(const std::string& address, const char* verb) {
  auto path = sys::resolve(address);
  if (sys::is_object_name(sys::readlink(path.full(), "is it one of our own objects?")))
    throw Error(Trouble::invalid, EPROTOTYPE,
                std::string(verb) + " " + path.full() + ": is not bare; use it without --bare");
  return path;
}

void make_directory(const std::string& path, mode_t mode) {
  const auto made = sys::mkdir(path, 0700, "the drop box");
  if (made.ok())
    (void)sys::chmod(path, sys::directory_mode(mode), "exactly this mode, whatever the umask")
        .check(path);
  else if (made.error != EEXIST)
    made.check(path);
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode))
    throw Error(Trouble::invalid, ENOTDIR, "open " + path + ": is no directory");
}

}  // namespace

DropBoxReceiver::DropBoxReceiver(const std::string& address, std::size_t max_message, mode_t mode)
    : Receiver(address),
      path_(checked(address, "listen")),
      max_message_(max_message),
      lease_(path_,
             {.kind = "mailbox",
              .home = sys::Home::none,
              .mode = mode,
              .max_message = max_message,
              .max_senders = 1,
              .bare = true},
             [mode](const std::string& path) { make_directory(path, mode); }),
      watch_(path_.full(), IN_MOVED_TO, "a file that is renamed into it is a message") {
  rescan();
}

DropBoxReceiver::~DropBoxReceiver() {
  if (!ends_well()) return;
  try {
    consume();
  } catch (const std::exception&) {
    // What could not be unlinked comes a second time; there is nobody here to tell.
  }
}

Received DropBoxReceiver::do_receive(Deadline deadline) {
  consume();
  for (;;) {
    while (!unread_.empty()) {
      auto name = std::move(unread_.front());
      unread_.pop_front();
      const auto path = path_.full() + "/" + name;
      const auto size = sys::read_letter(path, max_message_, bytes_);
      if (!size) continue;
      if (*size > max_message_)
        throw Error(Trouble::limit, EMSGSIZE,
                    "file " + path + ": is " + std::to_string(*size) + " bytes long, at most " +
                        std::to_string(max_message_) + " are taken; remove it");
      shown_ = std::move(name);
      return {Status::ok, Bytes(bytes_).first(*size)};
    }
    const auto events = watch_.take([this](std::uint32_t event, std::string_view name) {
      if (event & IN_MOVED_TO) add(std::string(name));
    });
    if (events & IN_Q_OVERFLOW) rescan();
    if (!unread_.empty()) continue;
    if (deadline.expired()) return {};
    sys::wait_readable(watch_.fd(), deadline, "until a file is renamed into it");
  }
}

void DropBoxReceiver::rescan() {
  auto names = sys::letters_in(path_.full());
  std::ranges::sort(names);
  for (auto& name : names) add(std::move(name));
}

void DropBoxReceiver::add(std::string name) {
  if (name.starts_with('.') || name == shown_) return;
  if (std::ranges::find(unread_, name) == unread_.end()) unread_.push_back(std::move(name));
}

void DropBoxReceiver::consume() {
  if (shown_.empty()) return;
  const auto path = path_.full() + "/" + std::exchange(shown_, {});
  const auto gone = sys::unlink(path, "consumed");
  if (gone.error != ENOENT) gone.check(path);
}

DropBoxSender::DropBoxSender(const std::string& address)
    : Sender(kMaxMessage), token_(sys::random_token()) {
  const auto path = checked(address, "connect");
  prepare_directory(path);
  directory_ = path.full();
  make_directory(directory_, 0600);
}

Status DropBoxSender::do_send(Bytes message, Deadline) {
  // The time first, so that a receiver that comes later reads them about in order.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::array<char, 80> name{};
  std::snprintf(name.data(), name.size(), "%020lld.%s.%08llu",
                static_cast<long long>(std::chrono::nanoseconds(now).count()), token_.c_str(),
                static_cast<unsigned long long>(++sent_));
  const auto draft = directory_ + "/." + token_;
  if (!sys::write_letter(draft, message, 0600, false)) return Status::closed;
  const auto renamed =
      sys::rename(draft, directory_ + "/" + name.data(), "the message is there, whole");
  if (renamed.error == ENOENT) return Status::closed;
  renamed.check(draft);
  return Status::ok;
}

}  // namespace ipc::bare
