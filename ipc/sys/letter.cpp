#include "ipc/sys/letter.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "ipc/sys/file.hpp"

namespace ipc::sys {
namespace {

// What one huge message made grow is given back with the next small one.
constexpr std::size_t kKeptRoom = std::size_t{1} << 20;

void write_all(int file, const std::string& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = write(file, bytes, "where nobody looks yet");
    if (written.error == ENOSPC || written.error == EDQUOT) {
      struct statvfs about {};
      const bool known = ::fstatvfs(file, &about) == 0;
      throw Error(Trouble::limit, written.error,
                  "write " + path + ": no room for " + std::to_string(bytes.size()) +
                      " bytes on the disk" +
                      (known ? ", " + std::to_string(about.f_bavail * about.f_frsize) + " are free"
                             : std::string()) +
                      " (receive what is unread, or use an address on another file system)");
    }
    bytes = bytes.subspan(written.check(path).count());
  }
}

// A write beyond `ulimit -f` does not only fail: SIGXFSZ ends the process, setrlimit(2).
void check_file_limit(const std::string& path, std::size_t size) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && size > limit.rlim_cur)
    throw Error(Trouble::limit, EFBIG,
                "write " + path + ": a message of " + std::to_string(size) +
                    " bytes, and RLIMIT_FSIZE is " + std::to_string(limit.rlim_cur) +
                    " (raise it with ulimit -f)");
}

}  // namespace

std::optional<std::size_t> read_letter(const std::string& path, std::size_t longest,
                                       std::vector<std::byte>& room) {
  const auto opened = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0, "a message");
  if (opened.error == ENOENT || opened.error == ELOOP) return std::nullopt;
  const Fd file(opened.check(path).fd());
  struct stat about {};
  (void)fstat(file.get(), about, "how long is it?").check(path);
  if (!S_ISREG(about.st_mode)) return std::nullopt;
  const auto size = static_cast<std::size_t>(about.st_size);
  if (size > longest) return size;
  if (room.size() > kKeptRoom && size < room.size() / 4) room = {};
  if (room.size() < size) room.resize(size);
  for (std::size_t done = 0; done < size;) {
    const auto got = read(file.get(), std::span(room).first(size).subspan(done), "all of it");
    if (got.check(path).count() == 0)
      throw Error(Trouble::corrupt, EIO, "file " + path + ": became shorter while it was read");
    done += got.count();
  }
  return size;
}

std::vector<std::string> letters_in(const std::string& directory) {
  const auto opened =
      open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, "which messages are there?");
  if (opened.error == ENOENT) return {};
  const Fd listed(opened.check(directory).fd());
  std::vector<std::string> names;
  (void)read_directory(listed.get(), names, "the names in it").check(directory);
  return names;
}

bool write_letter(const std::string& path, std::span<const std::byte> bytes, mode_t mode,
                  bool sync) {
  check_file_limit(path, bytes.size());
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
  auto opened = open(path, flags, 0600, "a draft");
  if (opened.error == EEXIST) {
    (void)unlink(path, "the draft of one who was killed over it");
    opened = open(path, flags, 0600, "a draft");
  }
  if (opened.error == ENOENT) return false;
  const Fd file(opened.check(path).fd());
  try {
    if (mode != 0600) (void)fchmod(file.get(), mode, "as its directory says").check(path);
    write_all(file.get(), path, bytes);
    if (sync) (void)fdatasync(file.get(), "before it gets its name").check(path);
  } catch (...) {  // whatever it was: no half letter is left
    (void)unlink(path, "it did not become whole");
    throw;
  }
  return true;
}

}  // namespace ipc::sys
