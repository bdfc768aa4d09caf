#include "tools/memory/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "ipc/sys/file.hpp"
#include "ipc/sys/show.hpp"
#include "tools/cli/exit.hpp"

namespace tools {
namespace {

namespace sys = ipc::sys;
using ipc::Error;
using ipc::Trouble;

Error no_room(const std::string& path, std::size_t size, int error) {
  return {Trouble::limit, error,
          path + ": no room for " + std::to_string(size) +
              " bytes in its file system (df shows it; a container's /dev/shm: --shm-size)"};
}

std::size_t size_of(int file, const std::string& path) {
  struct stat about {};
  (void)sys::fstat(file, about, "how much is there to map?").check(path);
  if (!S_ISREG(about.st_mode))
    throw Error(Trouble::failed, ENODEV, path + ": is no regular file, so it cannot be mapped");
  return static_cast<std::size_t>(about.st_size);
}

sys::Fd open_file(MemoryHome home, const std::string& path, bool writable) {
  const bool is_segment = home == MemoryHome::shm;
  const auto opened = sys::open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0,
                                is_segment ? "what shm_open(3) does" : "to be mapped");
  if (opened.error == ENOENT)
    throw Error(Trouble::failed, ENOENT,
                path + (is_segment ? ": no such segment (shm-poke NAME --create SIZE makes one)"
                                   : ": no such file (mmap-poke FILE --create SIZE makes one)"));
  return sys::Fd(opened.check(path).fd());
}

}  // namespace

std::string path_of(MemoryHome home, const std::string& name) {
  if (home == MemoryHome::file) return name;
  const auto bare = name.starts_with('/') ? name.substr(1) : name;
  if (bare.empty() || bare == "." || bare == ".." || bare.find('/') != std::string::npos ||
      bare.size() > 255)
    throw UsageError("'" + name +
                     "' is no name of a segment: up to 255 characters, no slash but a first one "
                     "(shm_open(3); ls /dev/shm)");
  return "/dev/shm/" + bare;
}

void create_memory(const std::string& path, std::size_t size, mode_t mode) {
  const auto is_there = [&] {
    const auto opened =
        sys::open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, "is it there, and as long?");
    if (opened.error == ENOENT) return false;
    const sys::Fd there(opened.check(path).fd());
    const auto now = size_of(there.get(), path);
    if (now == size) return true;
    throw Ending(Exit::error, path + ": is there already, and " + std::to_string(now) +
                                  " bytes long, not " + std::to_string(size));
  };
  if (is_there()) return;
  const auto slash = path.rfind('/');
  const auto directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const sys::Fd file(sys::open_unnamed(directory, 0600,
                                       "nameless until it is whole: who starts at "
                                       "the same time sees all of it or nothing")
                         .check(path)
                         .fd());
  (void)sys::ftruncate(file.get(), static_cast<off_t>(size), "its length").check(path);
  const auto result =
      sys::fallocate(file.get(), 0, size, "room now, or an error now: never a SIGBUS later");
  if (result.error == ENOSPC || result.error == EDQUOT) throw no_room(path, size, result.error);
  // Not every file system can promise room; then a touch that finds none is told when it comes.
  if (result.error != EOPNOTSUPP) result.check(path);
  (void)sys::fchmod(file.get(), mode, "exactly this mode, whatever the umask").check(path);
  const auto linked = sys::link_unnamed(file.get(), path, "the name is ours if it is free");
  if (linked.error == EEXIST && is_there()) return;
  linked.check(path);
}

MappedFile::MappedFile(MemoryHome home, const std::string& path, bool writable)
    : path_(path), file_(open_file(home, path, writable)), size_(size_of(file_.get(), path)) {
  if (size_ == 0) return;
  const int protection = PROT_READ | (writable ? PROT_WRITE : 0);
  (void)sys::perform(
      "mmap", "from now on its bytes are in our memory",
      [&] {
        void* const mapped = ::mmap(nullptr, size_, protection, MAP_SHARED, file_.get(), 0);
        if (mapped == MAP_FAILED) return -1;
        data_ = static_cast<std::byte*>(mapped);
        return 0;
      },
      [&] {
        return sys::shown::list("NULL", size_, writable ? "PROT_READ|PROT_WRITE" : "PROT_READ",
                                "MAP_SHARED", file_.get(), 0);
      })
      .check(path);
  guard_.emplace(data_, size_, lost_);
}

MappedFile::~MappedFile() {
  guard_.reset();
  if (data_ == nullptr) return;
  (void)sys::perform_once(
      "munmap", "what was stored stays", [&] { return ::munmap(data_, size_); },
      [&] { return sys::shown::list("addr", size_); });
}

void MappedFile::check() const {
  if (!lost_.load(std::memory_order_relaxed)) return;
  const auto now = size_of(file_.get(), path_);
  if (now < size_)
    throw Error(Trouble::corrupt, EIO,
                path_ + ": is " + std::to_string(now) + " bytes long, not " +
                    std::to_string(size_) + "; somebody truncated it");
  struct statvfs about {};
  if (::fstatvfs(file_.get(), &about) == 0 && about.f_bavail == 0)
    throw no_room(path_, about.f_bsize, ENOSPC);
  throw Error(Trouble::corrupt, EIO, path_ + ": a page of it could not be had; its disk fails");
}

void MappedFile::flush(std::size_t from, std::size_t count) const {
  if (count == 0) return;
  (void)sys::flush_mapping(data_ + from, count, "so that it survives a power cut").check(path_);
}

}  // namespace tools
