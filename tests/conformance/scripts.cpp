#include "tests/conformance/scripts.hpp"

#include <algorithm>
#include <cstdlib>

#include "ipc/kinds.hpp"

namespace conformance {
namespace {

constexpr auto kCapacity = "IPC_TEST_CAPACITY";

}  // namespace

const ipc::Kind* find_kind(std::string_view name) {
  for (const auto* kind : ipc::kinds::on_trial)
    if (kind->name == name) return kind;
  return ipc::kinds::find(name);
}

std::size_t of_many_units(const ipc::Kind& kind, std::size_t size) {
  // By signals, of 24 bytes each, 40,000 bytes are 1,700 calls, and all but the first ones alike. A
  // hundred are still more than one of many senders may have under way.
  return kind.name == "signal" ? size / 16 : size;
}

void send_all(const ipc::Kind& kind, const std::string& address, std::uint32_t author) {
  const auto patience = Deadline::after(20s);
  const auto out = kind.connect(address);
  std::uint32_t number = 0;
  const auto send = [&](std::size_t size) {
    expect(out->send(message(author, number++, size), patience) == Status::ok, "send");
  };
  send(100);
  send(of_many_units(kind, 40'000));
  const auto bytes = message(author, number++, of_many_units(kind, 9000));
  auto room = out->reserve(bytes.size(), patience);
  expect(static_cast<bool>(room), "room");
  std::ranges::copy(bytes, room.bytes().begin());
  expect(room.commit(bytes.size()) == Status::ok, "commit");
  if (kind.traits.acknowledges) expect(out->taken(number - 1, patience) >= number - 1, "taken");
  send(16);
}

Crowd::Crowd(const ipc::Kind& kind, std::size_t receivers) {
  if (const auto capacity = kind.fit(receivers).capacity)
    ::setenv(kCapacity, std::to_string(*capacity).c_str(), 1);
}

Crowd::~Crowd() {
  ::unsetenv(kCapacity);
}

Options in_a_crowd() {
  Options options;
  if (const char* capacity = std::getenv(kCapacity)) options.capacity = std::stoull(capacity);
  return options;
}

void receive_some(const ipc::Kind& kind, const std::string& address,
                  const std::function<void(const std::string&)>& listens, Deadline deadline) {
  const auto receiver = kind.listen(address, in_a_crowd());
  Ears polled(*receiver, Style::polled);
  (void)receiver->readiness_fd();
  listens(receiver->address());
  for (std::uint32_t got = 0; got < kScriptMessages && !deadline.expired();) {
    const auto received =
        got % 2 == 0 ? polled.next(50ms) : receiver->receive(Deadline::after(50ms));
    if (received.status != Status::ok) continue;
    expect(label_of(received.message).has_value(), "a torn message");
    ++got;
  }
}

}  // namespace conformance
