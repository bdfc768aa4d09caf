#include "ipc/sys/show.hpp"

#include <fcntl.h>

#include <array>
#include <cstdio>

namespace ipc::sys::shown {

std::string text(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      std::array<char, 5> escape{};
      std::snprintf(escape.data(), escape.size(), "\\%o", static_cast<unsigned>(byte));
      out += escape.data();
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string open_flags(int flags) {
  std::string out = "O_RDONLY";
  if ((flags & O_ACCMODE) == O_RDWR) out = "O_RDWR";
  if ((flags & O_ACCMODE) == O_WRONLY) out = "O_WRONLY";
  const struct {
    int flag;
    const char* name;
  } names[] = {{O_CREAT, "O_CREAT"},       {O_EXCL, "O_EXCL"},       {O_NONBLOCK, "O_NONBLOCK"},
               {O_NOFOLLOW, "O_NOFOLLOW"}, {O_CLOEXEC, "O_CLOEXEC"}, {O_PATH, "O_PATH"}};
  for (const auto& [flag, name] : names)
    if (flags & flag) out += std::string("|") + name;
  if ((flags & O_TMPFILE) == O_TMPFILE)
    out += "|O_TMPFILE";  // which includes the next
  else if ((flags & O_DIRECTORY) == O_DIRECTORY)
    out += "|O_DIRECTORY";
  return out;
}

std::string mode(mode_t value) {
  std::array<char, 16> out{};
  std::snprintf(out.data(), out.size(), "%#o", static_cast<unsigned>(value));
  return out.data();
}

std::string bytes(std::size_t count) {
  return std::to_string(count) + " bytes";
}

}  // namespace ipc::sys::shown
