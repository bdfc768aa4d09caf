// What may be expected of a build's speed.
//
// The sanitizers make code two to ten times slower. A check of a time or of a count that was made
// for ordinary builds stays one under them, with other numbers.
#pragma once

#include <chrono>

namespace test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // GCC
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)  // clang
inline constexpr bool is_sanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool is_sanitized = false;
#endif

/// How long something may take that takes at most `span` in an ordinary build.
constexpr auto allowed(std::chrono::nanoseconds span) {
  return is_sanitized ? 5 * span : span;
}

/// How often something must have happened, within a fixed time, that happens at least `count` times
/// in an ordinary build.
constexpr unsigned demanded(unsigned count) {
  return is_sanitized ? (count + 4) / 5 : count;
}

}  // namespace test
