// Values on the command line: durations, sizes, numbers, and the option that somebody meant. Pure.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tools {

/// "2", "0.5", "100ms", "3s", "5m": seconds unless a unit follows. Throws UsageError.
std::chrono::nanoseconds parse_duration(const std::string& text);
/// "4096", "64K", "1M": powers of 1024; a trailing "iB" or "B" may follow. Throws UsageError.
std::size_t parse_size(const std::string& text);
/// A whole number of at most `most`. Throws UsageError.
std::uint64_t parse_count(const std::string& text, std::uint64_t most);
/// A signal as kill(1) takes it: "10", "USR1", "SIGUSR1", "RTMIN+3", "RTMAX-1".
int parse_signal(const std::string& text);
/// Permissions as chmod(1) takes them: octal digits, at most 0777. Throws UsageError.
mode_t parse_mode(const std::string& text);

/// The candidate that takes the fewest insertions, deletions, replacements and swaps of neighbours
/// to become `word`, or "" if even the best one would be a guess.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tools
