#include "tests/conformance/conformance.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace conformance {
namespace {

const ipc::Kind* under_test = nullptr;

// splitmix64, 8 bytes at a time.
void fill_bytes(std::span<std::byte> room, std::uint64_t seed) {
  for (std::size_t i = 0; i < room.size(); i += 8) {
    std::uint64_t word = (seed += 0x9e3779b97f4a7c15u);
    word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 27) * 0x94d049bb133111ebu;
    word ^= word >> 31;
    std::memcpy(room.data() + i, &word, std::min<std::size_t>(8, room.size() - i));
  }
}

struct Head {
  std::uint32_t author;
  std::uint32_t number;
  std::uint64_t size;
};
static_assert(sizeof(Head) == kLabelled);

std::uint64_t seed_of(const Head& head) {
  return std::uint64_t{head.author} << 40 ^ std::uint64_t{head.number} << 25 ^ head.size;
}

// Bytes a second, through one sender, in messages of 16 KiB.
double measure_rate() {
  const auto receiver = kind().listen(kind().traits.named ? "rate" : "");
  Child busy = sender(receiver->address(), [](ipc::Sender& out) {
    const auto bytes = some_bytes(16384);
    const auto end = Deadline::after(100ms);
    while (!end.expired())
      if (out.send(bytes, end) == Status::closed) return 1;
    return 0;
  });
  const Stopwatch watch;
  std::size_t count = 0;
  Ears ears(*receiver);
  if (ears.next_end(&count, 30s).status != Status::closed || busy.wait() != 0)
    throw std::runtime_error("the kind's speed cannot be measured");
  return static_cast<double>(count) * 16384 /
         std::chrono::duration<double>(watch.elapsed()).count();
}

}  // namespace

const ipc::Kind& kind() {
  if (!under_test) throw std::logic_error("no kind is under test");
  return *under_test;
}

void set_kind(const ipc::Kind& kind) {
  under_test = &kind;
}

bool knows(std::string_view option) {
  return std::ranges::find(kind().options, option) != kind().options.end();
}

// A durable kind lets 64 MiB wait; a case that needs a full channel need not write that much.
Options with_small_channel(Options options) {
  if (kind().traits.durable && !options.capacity) options.capacity = 1 << 20;
  return options;
}

Case::~Case() {
  if (!kind().traits.durable) return;
  for (int i = 1; i <= addresses_; ++i) remove("name" + std::to_string(i));
}

std::string Case::fresh_address() {
  return kind().traits.named ? "name" + std::to_string(++addresses_) : "";
}

std::unique_ptr<ipc::Receiver> Case::listen(const Options& options) {
  return kind().listen(fresh_address(), with_small_channel(options));
}

void Case::remove(const std::string& address) {
  if (kind().traits.named) kind().remove(address);
}

std::vector<std::byte> message(std::uint32_t author, std::uint32_t number, std::size_t size) {
  const Head head{author, number, size};
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), &head, sizeof head);
  fill_bytes(std::span(bytes).subspan(sizeof head), seed_of(head));
  return bytes;
}

std::optional<Label> label_of(Bytes bytes) {
  Head head{};
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  if (head.size != bytes.size() || !same(bytes, message(head.author, head.number, head.size)))
    return std::nullopt;
  return Label{head.author, head.number};
}

std::vector<std::byte> some_bytes(std::size_t size, std::uint32_t seed) {
  std::vector<std::byte> bytes(size);
  fill_bytes(bytes, seed);
  for (std::size_t i = 0; i < size; i += 3) bytes[i] = std::byte{0};
  return bytes;
}

bool same(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

Bytes text(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::size_t bulk(std::size_t bytes) {
  static const double rate = measure_rate();
  return std::min(bytes, static_cast<std::size_t>(rate / 2));
}

std::unique_ptr<ipc::Sender> connect(const std::string& address) {
  return kind().connect(address, {.require_receiver = kind().traits.durable});
}

Child sender(const std::string& address, const std::function<int(ipc::Sender&)>& body) {
  return Child::run([&] {
    const auto out = connect(address);
    return body(*out);
  });
}

RemoteListener::RemoteListener(const std::function<int(const Announce&)>& body) {
  process_ = Child::run([&] {
    return body([&](const std::string& address) {
      state_->address.set(address);
      state_->listens.open();
    });
  });
  while (!state_->listens.wait(1, 20ms))
    if (!process_.is_running()) throw std::runtime_error("the other could not listen");
}

RemoteReceiver::RemoteReceiver(const std::string& address,
                               const std::function<int(ipc::Receiver&)>& body,
                               const Options& options)
    : RemoteListener([&](const Announce& announce) {
        const auto receiver = kind().listen(address, with_small_channel(options));
        announce(receiver->address());
        return body(*receiver);
      }) {}

int sleep_for_ever(ipc::Receiver&) {
  for (;;) ::pause();
}

int receive_for_ever(ipc::Receiver& receiver) {
  for (;;) (void)receiver.receive();
}

Style each_style() {
  Style style = Style::blocking;
  SUBCASE("in a blocking receive") {
    style = Style::blocking;
  }
  SUBCASE("through readiness_fd") {
    style = Style::polled;
  }
  return style;
}

ipc::Received Ears::next(std::chrono::nanoseconds patience) {
  const auto deadline = Deadline::after(patience);
  if (style_ == Style::blocking) return receiver_.receive(deadline);
  const int fd = receiver_.readiness_fd();
  for (;;) {
    if (drained_ && !becomes_readable(fd, deadline.left())) return {};
    const auto received = receiver_.receive(Deadline::at_once());
    drained_ = received.status == Status::timed_out;
    if (!drained_) return received;
  }
}

ipc::Received Ears::next_end(std::size_t* messages, std::chrono::nanoseconds patience) {
  for (;;) {
    const auto received = next(patience);
    if (received.status != Status::ok) return received;
    if (messages) ++*messages;
  }
}

bool comes(ipc::Receiver& receiver, std::string_view text) {
  Ears ears(receiver);
  for (auto received = ears.next(5s);; received = ears.next(5s)) {
    if (received.status == Status::ok && text_of(received.message) == text) return true;
    if (!kind().traits.durable || received.status == Status::timed_out) return false;
  }
}

bool becomes_readable(int fd, std::chrono::nanoseconds patience) {
  const auto deadline = Deadline::after(patience);
  for (;;) {
    pollfd watched{fd, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left());
    const int ready = ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (deadline.expired()) return false;
  }
}

std::uint32_t fill(ipc::Sender& out, std::uint32_t author, std::size_t size) {
  std::uint32_t count = 0;
  for (;;) {
    const auto before = count;
    while (out.send(message(author, count, size), Deadline::at_once()) == Status::ok) ++count;
    // On a disk it may not be full, but another sender's turn for longer than one that does not wait has
    // patience.
    if (kind().traits.durable &&
        out.send(message(author, count, size), Deadline::after(200ms)) == Status::ok) {
      ++count;
      continue;
    }
    if (!kind().traits.many_hosts || count == before) return count;
    // What is on its way to another host makes room when its arrival is known: full is what stays
    // full for longer than TCP waits before it sends a lost segment again (200 ms, RFC 6298 and
    // TCP_RTO_MIN in Linux).
    std::this_thread::sleep_for(250ms);  // in full, also in a storm of signals
  }
}

}  // namespace conformance
