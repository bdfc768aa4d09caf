// How arguments of system calls are written for people: in strace(1)'s notation, so that a
// narration and a trace of the same run can be laid side by side. Runs only while somebody watches.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

namespace ipc::sys::shown {

/// "quoted", with control characters as escapes.
std::string text(std::string_view);
/// O_RDWR|O_NONBLOCK|O_CLOEXEC
std::string open_flags(int);
/// 0600
std::string mode(mode_t);
/// 64 bytes
std::string bytes(std::size_t);

/// Joins arguments: list(3, text("x")) is `3, "x"`.
inline std::string item(std::string value) {
  return value;
}
inline std::string item(const char* value) {
  return value;
}
template <class Number>
std::string item(Number value) {
  return std::to_string(value);
}
template <class First, class... Rest>
std::string list(First first, Rest... rest) {
  std::string line = item(std::move(first));
  ((line += ", " + item(std::move(rest))), ...);
  return line;
}

}  // namespace ipc::sys::shown
