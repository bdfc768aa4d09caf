// What the tests of Boost's queue share.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/support/child.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/shared.hpp"
#include "tests/support/text.hpp"

namespace boost_mq_test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using ipc::Deadline;
using ipc::Status;
using ipc::kinds::boost_mq;
using test::bytes_of;
using test::Child;
using test::expect;
using test::Shared;
using test::text_of;

inline void send(ipc::Sender& out, std::string_view message) {
  expect(out.send(bytes_of(message), Deadline::after(5s)) == Status::ok, "send");
}

/// The queues of a live receiver, by what its lease says they begin with (docs/formats.md).
inline std::set<std::string> queues_of(const std::string& lease) {
  std::ifstream file(lease, std::ios::binary);
  std::array<char, 64> object{};
  REQUIRE(file.seekg(40).read(object.data(), object.size()));
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator("/dev/shm"))
    if (const auto name = entry.path().filename().string();
        name.starts_with(std::string(object.data()) + "."))
      names.insert(name);
  return names;
}

struct Case : test::Guard {
  std::string lease() const { return directory() + "/.demo.lease"; }
  std::string only_queue() const {
    const auto names = queues_of(lease());
    expect(names.size() == 1, "one queue");
    return *names.begin();
  }
  /// The queue that there is beside those in `before`.
  std::string new_queue(const std::set<std::string>& before) const {
    for (const auto& name : queues_of(lease()))
      if (!before.contains(name)) return name;
    throw std::runtime_error("no new queue");
  }
};

/// All that comes until nothing has come for a while.
struct Heard {
  std::vector<std::string> messages;
  std::vector<ipc::Received> deaths;
};
inline Heard hear(ipc::Receiver& receiver, std::chrono::milliseconds quiet = 1s) {
  Heard heard;
  for (;;) {
    const auto got = receiver.receive(Deadline::after(quiet));
    if (got.status == Status::timed_out) return heard;
    if (got.status == Status::ok) heard.messages.push_back(text_of(got.message));
    if (got.status == Status::died) heard.deaths.push_back(got);
  }
}

}  // namespace boost_mq_test
