// What the tests of kinds whose messages outlive both sides have in common.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include "ipc/sys/call.hpp"
#include "ipc/transport.hpp"
#include "tests/support/child.hpp"
#include "tests/support/text.hpp"

namespace durable {

using namespace std::chrono_literals;
using ipc::Deadline;
using ipc::Status;
using test::bytes_of;
using test::expect;
using test::text_of;

/// What comes next; "" if nothing does.
inline std::string next_text(ipc::Receiver& receiver) {
  return text_of(receiver.receive(Deadline::after(5s)).message);
}

/// Sends the numbers first to last - 1 to "box", and leaves.
inline void send_all(const ipc::Kind& kind, int first, int last) {
  const auto out = kind.connect("box");
  for (int i = first; i < last; ++i)
    expect(out->send(bytes_of(std::to_string(i)), Deadline::after(5s)) == Status::ok, "send");
}

/// Of the calls that go through the library while it lives, the names.
class Calls : public ipc::sys::Observer {
 public:
  Calls() : before_(ipc::sys::observe(this)) {}
  ~Calls() override { ipc::sys::observe(before_); }
  void after(const ipc::sys::Call& call, const ipc::sys::Result&) override {
    names_ += (names_.empty() ? "" : " ") + std::string(call.name);
  }
  const std::string& names() const { return names_; }

 private:
  ipc::sys::Observer* before_;
  std::string names_;
};

}  // namespace durable
