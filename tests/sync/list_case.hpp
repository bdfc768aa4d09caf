// What the tests of the list share.
#pragma once

#include <string>
#include <vector>

#include "ipc/sync/list.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {

using ipc::Trouble;
using ipc::sync::End;
using ipc::sync::List;
using ipc::sync::Outcome;
using ipc::sync::Values;

/// The list's segments, sorted; this test has a /dev/shm of its own.
std::vector<std::string> segments();

/// Puts values in, or takes them off; fails the test if that does not go at once.
void push(List& list, const std::vector<std::string>& values, End end = End::back);
Values pop(List& list, End end, std::size_t most = 1);
/// Takes everything off "demo".
void remove();

/// A value that is a number.
inline std::uint32_t number(const std::string& text) {
  return static_cast<std::uint32_t>(std::stoul(text));
}

}  // namespace sync_test
