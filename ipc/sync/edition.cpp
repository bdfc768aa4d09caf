#include "ipc/sync/edition.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

// With the same macros as all that includes Boost.Interprocess: CMakeLists.txt, scripts/check-layers.
#include <boost/interprocess/indexes/iset_index.hpp>
#include <boost/interprocess/managed_external_buffer.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <boost/interprocess/mem_algo/rbtree_best_fit.hpp>
#include <boost/interprocess/offset_ptr.hpp>
#include <boost/interprocess/sync/mutex_family.hpp>

#include "ipc/sys/file.hpp"
#include "ipc/sys/sigbus.hpp"
#include "ipc/wire/check.hpp"

namespace ipc::sync {
namespace {

namespace bi = boost::interprocess;

#ifndef BOOST_INTERPROCESS_ENABLE_TIMEOUT_WHEN_LOCKING
#error "a program must not have Boost's inline functions with and without this"
#endif

using Algorithm = bi::rbtree_best_fit<bi::null_mutex_family>;
using Segment = bi::basic_managed_shared_memory<char, Algorithm, bi::iset_index>;
using PrivateCopy = bi::basic_managed_external_buffer<char, Algorithm, bi::iset_index>;
using Manager = Segment::segment_manager;
static_assert(std::is_same_v<Manager, PrivateCopy::segment_manager>);
// What PrivateCopy asks of its buffer.
static_assert(__STDCPP_DEFAULT_NEW_ALIGNMENT__ >= Algorithm::Alignment);

// Offsets from where they stand, so that they lead to the same place in every copy.
struct Content {
  bi::offset_ptr<std::uint64_t> ends;  ///< Where in `bytes` each value ends.
  std::uint64_t count = 0;
  bi::offset_ptr<char> bytes;
  std::uint64_t size = 0;
};

// What Boost's allocator and directory take besides; should another version want more, it is asked
// for again, twice as much.
constexpr std::size_t kOverhead = 256;

[[noreturn]] void refuse(const std::string& name, int error, std::size_t size) {
  if (error == ENOSPC)
    throw Error(Trouble::limit, ENOSPC,
                "segment " + edition_path(name) + ": /dev/shm has no room for " +
                    std::to_string(size) +
                    " bytes: remove what others left there, or enlarge it (mount -o "
                    "remount,size=BYTES /dev/shm), or take something off the list");
  throw Error("shm_open", edition_path(name), error);
}

// Otherwise the kernel's answer would be a signal.
void check_file_limit(const std::string& name, std::size_t size) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || size <= limit.rlim_cur) return;
  throw Error(Trouble::limit, EFBIG,
              "segment " + edition_path(name) + ": would be " + std::to_string(size) +
                  " bytes long, and RLIMIT_FSIZE is " + std::to_string(limit.rlim_cur) +
                  " (raise it with ulimit -f)");
}

Error corrupt(const std::string& name, const std::string& reason) {
  return {Trouble::corrupt, EINVAL, "segment " + edition_path(name) + ": " + reason};
}

// Nothing if the name is taken.
std::unique_ptr<Segment> create(const std::string& name, std::size_t size) {
  check_file_limit(name, size);
  sys::unseen(
      "Boost makes a segment: openat, fchmod, fallocate, ftruncate, newfstatat, mmap, close");
  try {
    return std::make_unique<Segment>(bi::create_only, name.c_str(), size, nullptr,
                                     bi::permissions(0600));
  } catch (const bi::interprocess_exception& error) {
    if (error.get_error_code() == bi::already_exists_error) return nullptr;
    const int number = error.get_native_error();
    (void)sys::unlink(edition_path(name), "it could not be made whole");
    refuse(name, number, size);
  }
}

std::unique_ptr<Segment> create_anew(const std::string& name, std::size_t size) {
  if (auto segment = create(name, size)) return segment;
  (void)sys::unlink(edition_path(name), "left by one who was killed before it was done");
  if (auto segment = create(name, size)) return segment;
  throw Error("shm_open", edition_path(name), EEXIST);
}

void fill(Segment& segment, const Values& values, std::uint64_t size) {
  auto& content = *segment.construct<Content>(bi::unique_instance)();
  auto* const ends =
      static_cast<std::uint64_t*>(segment.allocate(values.size() * sizeof(std::uint64_t)));
  auto* const bytes = static_cast<char*>(segment.allocate(std::max<std::uint64_t>(size, 1)));
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i].copy(bytes + end, values[i].size());
    ends[i] = end += values[i].size();
  }
  content.ends = ends;
  content.count = values.size();
  content.bytes = bytes;
  content.size = size;
}

// Where Boost's own part begins, behind what tells whether it is complete.
std::uint64_t begin_of(Segment& segment) {
  return static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(segment.get_segment_manager()) -
                                    static_cast<std::byte*>(segment.get_address()));
}

template <class T>
bool lies_in(std::span<const std::byte> room, const T* first, std::size_t count) {
  const auto at = reinterpret_cast<std::uintptr_t>(first);
  const auto begin = reinterpret_cast<std::uintptr_t>(room.data());
  return count == 0 || (at >= begin && at - begin <= room.size() &&
                        count <= (room.size() - (at - begin)) / sizeof(T));
}

// All of it, and no more than that.
std::vector<std::byte> read_whole(int file, const std::string& name, std::uint64_t size) {
  struct stat about {};
  (void)sys::fstat(file, about, "is it as long as it was made?").check(edition_path(name));
  if (static_cast<std::uint64_t>(about.st_size) != size)
    throw corrupt(name, "is " + std::to_string(about.st_size) + " bytes long, not " +
                            std::to_string(size) + "; somebody truncated it");
  std::vector<std::byte> bytes(size);
  std::size_t have = 0;
  while (have < size) {
    const auto got = sys::pread(file, std::span(bytes).subspan(have), static_cast<off_t>(have),
                                "a copy that nobody else can change")
                         .check(edition_path(name))
                         .count();
    if (got == 0) throw corrupt(name, "somebody truncates it");
    have += got;
  }
  return bytes;
}

}  // namespace

std::uint64_t bytes_of(const Values& values) {
  std::uint64_t bytes = 0;
  for (const std::string& value : values) bytes += value.size() + sizeof(std::uint64_t);
  return bytes;
}

std::string edition_name(std::uint64_t token, std::uint32_t number) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (int shift = 60; shift >= 0; shift -= 4) hex += digits[token >> shift & 15];
  return "ipc." + hex + "." + std::to_string(number);
}

std::string edition_path(const std::string& name) {
  return "/dev/shm/" + name;
}

EditionMark make_edition(const std::string& name, const Values& values, std::uint32_t owner) {
  const std::uint64_t ends = values.size() * sizeof(std::uint64_t);
  const std::uint64_t bytes = bytes_of(values) - ends;
  for (std::size_t overhead = kOverhead;; overhead *= 2) {
    const std::size_t size = Manager::get_min_size() + ends + bytes + overhead;
    const auto segment = create_anew(name, size);
    try {
      std::atomic<bool> lost = false;
      const sys::SigbusGuard guard(segment->get_address(), segment->get_size(), lost);
      fill(*segment, values, bytes);
      const auto begin = begin_of(*segment);
      const EditionMark mark{
          size, begin,
          wire::check_of(
              {static_cast<const std::byte*>(segment->get_address()) + begin, size - begin})};
      if (lost) throw corrupt(name, "somebody truncated it while it was made");
      if (::geteuid() != owner)
        (void)sys::lchown(edition_path(name), owner, static_cast<gid_t>(-1),
                          "the list's owner has to be able to read and remove it")
            .check(edition_path(name));
      sys::unseen("Boost unmaps the segment: munmap");
      return mark;
    } catch (const bi::bad_alloc&) {
      (void)sys::unlink(edition_path(name), "too small: made anew");
    } catch (...) {  // whatever it was: no half edition is left in /dev/shm
      (void)sys::unlink(edition_path(name), "it could not be made whole");
      throw;
    }
  }
}

std::optional<Values> read_edition(const std::string& name, const EditionMark& mark) {
  const auto opened = sys::open(edition_path(name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                                0, "the edition in force");
  if (opened.error == ENOENT) return std::nullopt;
  const sys::Fd file(opened.check(edition_path(name)).fd());
  auto whole = read_whole(file.get(), name, mark.size);
  if (mark.begin > whole.size() || mark.begin % Algorithm::Alignment != 0)
    throw corrupt(name, "is damaged");
  const auto room = std::span(whole).subspan(mark.begin);
  if (wire::check_of(room) != mark.check) throw corrupt(name, "somebody has overwritten it");

  PrivateCopy copy(bi::open_only, room.data(), room.size());
  const auto [content, count] = copy.find<Content>(bi::unique_instance);
  if (content == nullptr || count != 1 || !lies_in(room, content, 1) ||
      !lies_in(room, content->ends.get(), content->count) ||
      !lies_in(room, content->bytes.get(), content->size))
    throw corrupt(name, "is damaged");
  Values values;
  const char* const bytes = content->bytes.get();
  std::uint64_t begin = 0;
  for (const std::uint64_t end : std::span(content->ends.get(), content->count)) {
    if (end < begin || end > content->size) throw corrupt(name, "is damaged");
    values.emplace_back(bytes + begin, end - begin);
    begin = end;
  }
  return values;
}

}  // namespace ipc::sync
