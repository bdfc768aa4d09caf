// Memory that a test shares with the children it forks.
#pragma once

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

namespace test {

/// A T in memory that stays shared over fork(2).
template <class T>
class Shared {
 public:
  Shared() {
    void* room =
        ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    value_ = new (room) T();
  }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() { ::munmap(value_, sizeof(T)); }
  T* operator->() const { return value_; }
  T& operator*() const { return *value_; }

 private:
  T* value_;
};

/// Counts up; others, in any process, wait until it has come to a number. Lives in a Shared.
class Gate {
 public:
  void open() {
    count_.fetch_add(1);
    ::syscall(SYS_futex, &count_, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
  std::uint32_t count() const { return count_.load(); }
  /// False if it did not come to `wanted` within `patience`.
  bool wait(std::uint32_t wanted = 1,
            std::chrono::nanoseconds patience = std::chrono::seconds(20)) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
      const auto now = count_.load();
      if (now >= wanted) return true;
      const auto left = end - std::chrono::steady_clock::now();
      if (left.count() <= 0) return false;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
      const std::timespec span{seconds.count(), (left - seconds).count()};
      ::syscall(SYS_futex, &count_, FUTEX_WAIT, now, &span, nullptr, 0);
    }
  }

 private:
  std::atomic<std::uint32_t> count_{0};
};

/// A short text in shared memory.
class SharedText {
 public:
  void set(const std::string& text) {
    if (text.size() >= text_.size()) throw std::length_error("text for shared memory");
    std::memcpy(text_.data(), text.c_str(), text.size() + 1);
  }
  std::string get() const { return text_.data(); }

 private:
  std::array<char, 1024> text_{};
};

}  // namespace test
