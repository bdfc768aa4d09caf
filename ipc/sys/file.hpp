// System calls on files and names. Each returns what the kernel said; callers test for the errors
// that are ordinary there and `.check(object)` the rest. `why` is a literal for --explain.
#pragma once

#include <sys/stat.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "ipc/sys/call.hpp"
#include "ipc/sys/fd.hpp"

namespace ipc::sys {

/// One piece of a gathering write.
inline iovec part(std::span<const std::byte> bytes) {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};  // writev(2) does not write to it
}

Result open(const std::string& path, int flags, mode_t mode, const char* why);
/// A file without a name in that directory, open for reading and writing (O_TMPFILE, open(2)): it
/// goes with its last descriptor, however the process ends, unless it is given a name.
Result open_unnamed(const std::string& directory, mode_t mode, const char* why);
/// Gives such a file its name; EEXIST if something has it.
Result link_unnamed(int fd, const std::string& path, const char* why);
Result read(int fd, std::span<std::byte> room, const char* why);
/// A text of /proc, in one read if it is small; empty if it is not there.
std::string read_text(const std::string& path, const char* why);
/// Adds the names in an open directory to `names`, in no order and without "." and "..".
Result read_directory(int fd, std::vector<std::string>& names, const char* why);
Result write(int fd, std::span<const std::byte> bytes, const char* why);
/// All parts in one call: writev(2), or write(2) of those that are short (sys/gather.hpp).
Result writev(int fd, std::span<const iovec> parts, const char* why);
Result pwrite(int fd, std::span<const std::byte> bytes, off_t offset, const char* why);
/// fallocate(FALLOC_FL_KEEP_SIZE): the range is backed, or ENOSPC; the file stays as long as it is.
Result fallocate(int fd, off_t offset, std::size_t size, const char* why);
Result pread(int fd, std::span<std::byte> room, off_t offset, const char* why);
/// A gathering write at an offset.
Result pwritev(int fd, std::span<const iovec> parts, off_t offset, const char* why);
/// The file's bytes, and what of its metadata is needed to read them, are on the disk.
Result fdatasync(int fd, const char* why);
/// msync(2): the bytes of a shared mapping, and their file's metadata, are on the disk. `begin`
/// need not be the beginning of a page.
Result flush_mapping(void* begin, std::size_t size, const char* why);
/// The same with all metadata; of a directory: its entries.
Result fsync(int fd, const char* why);
Result fstat(int fd, struct stat& about, const char* why);
/// Of the name itself: a symbolic link is not followed.
Result lstat(const std::string& path, struct stat& about, const char* why);
Result ftruncate(int fd, off_t size, const char* why);
/// fallocate(FALLOC_FL_PUNCH_HOLE): those bytes read as zeros and cost no space.
Result punch_hole(int fd, off_t offset, off_t length, const char* why);
/// flock(2) without waiting; EWOULDBLOCK if another open file has it.
Result try_flock(int fd, const char* why);
Result unflock(int fd, const char* why);
/// Sets its times to now: changes nothing, and inotify(7) tells of it as IN_ATTRIB.
Result touch(int fd, const char* why);
/// fsync(2) of the directory that the path lies in.
void flush_directory_of(const std::string& path, const char* why);
Result fchmod(int fd, mode_t mode, const char* why);
Result chmod(const std::string& path, mode_t mode, const char* why);
/// Of the name itself: a symbolic link is not followed.
Result lchown(const std::string& path, uid_t owner, gid_t group, const char* why);
Result mkdir(const std::string& path, mode_t mode, const char* why);
Result mkfifo(const std::string& path, mode_t mode, const char* why);
Result rmdir(const std::string& path, const char* why);
Result unlink(const std::string& path, const char* why);
Result rename(const std::string& from, const std::string& to, const char* why);
/// Fails with EEXIST if `to` exists.
Result rename_noreplace(const std::string& from, const std::string& to, const char* why);
Result symlink(const std::string& target, const std::string& path, const char* why);
/// Where the link points, or "" if it is no link or not there.
std::string readlink(const std::string& path, const char* why);
/// fcntl(F_SETPIPE_SZ) and F_GETPIPE_SZ.
Result set_pipe_size(int fd, std::size_t bytes, const char* why);
Result get_pipe_size(int fd, const char* why);
/// Both ends close on exec and do not block.
Result pipe2(int (&ends)[2], int flags, const char* why);

}  // namespace ipc::sys
