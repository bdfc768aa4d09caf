// Bytes of others in the channel cost themselves and nothing else.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "ipc/wire/frame.hpp"
#include "tests/conformance/conformance.hpp"

namespace conformance {
namespace {

// Where a receiver's address leads in the file system, if it does.
std::string path_of(const test::Guard& guard, const std::string& address) {
  return contains(address, "/") ? address : guard.directory() + "/" + address;
}

// A way in for somebody who knows nothing but the path. Not every kind has one.
class Intruder {
 public:
  explicit Intruder(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return;
    if (S_ISFIFO(about.st_mode)) fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (S_ISSOCK(about.st_mode)) connect_to(path);
  }
  ~Intruder() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool is_in() const { return fd_ >= 0; }
  void put(Bytes bytes) {
    const ssize_t done = is_socket_ ? ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                    : ::write(fd_, bytes.data(), bytes.size());
    expect(done >= 0, "the intruder cannot write");
    put_ += static_cast<std::size_t>(done);
  }
  std::size_t bytes_put() const { return put_; }

 private:
  void connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    for (const int type : {SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM}) {
      fd_ = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
      if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        is_socket_ = true;
        return;
      }
      ::close(fd_);
      fd_ = -1;
    }
  }

  int fd_ = -1;
  bool is_socket_ = false;
  std::size_t put_ = 0;
};

std::vector<std::byte> frame(ipc::wire::Frame fields, Bytes payload, std::size_t length_lie = 0) {
  const std::vector<std::byte> claimed(payload.size() + length_lie);
  fields.payload = claimed;  // only its length is read
  const auto header = ipc::wire::encode(fields);
  std::vector<std::byte> bytes(header.size() + payload.size());
  std::ranges::copy(header, bytes.begin());
  std::ranges::copy(payload, bytes.begin() + header.size());
  return bytes;
}

// Frames that check, of senders that do not exist and messages that cannot be.
std::vector<std::vector<std::byte>> well_formed_nonsense() {
  const auto payload = some_bytes(100);
  std::vector<std::vector<std::byte>> all;
  for (const std::uint32_t id : {0u, 1u, 5u, 63u, 64u * 1000 + 1, 0xffffffffu, 0x80000000u}) {
    all.push_back(frame({.sender = id, .message = 1, .total = 100}, payload));
    all.push_back(frame({.sender = id, .message = 1, .total = 0xffffffff}, payload));
    all.push_back(
        frame({.sender = id, .message = 1, .total = 0x7fffffff, .offset = 0x7fff0000}, payload));
    all.push_back(frame({.sender = id, .message = 1, .total = 200, .offset = 100}, payload));
    all.push_back(frame({.sender = id, .message = 1, .total = 4000}, payload, 3900));
    all.push_back(
        frame({.sender = id, .message = 1, .total = 1u << 24}, payload, (1u << 24) - 101));
    for (const auto flags : std::initializer_list<std::uint8_t>{1, 2, 4, 8, 255})
      all.push_back(frame({.sender = id, .message = 7, .total = 100, .flags = flags}, payload));
  }
  all.push_back(frame({.flags = ipc::wire::kNudge}, {}));  // this one is harmless by itself
  return all;
}

enum class Nonsense { random, framed, cut };

TEST_CASE_FIXTURE(Case, "foreign bytes in the channel are skipped, counted, and cost no message") {
  auto nonsense = Nonsense::random;
  SUBCASE("random bytes") {
    nonsense = Nonsense::random;
  }
  SUBCASE("well-formed frames of nobody") {
    nonsense = Nonsense::framed;
  }
  SUBCASE("pieces of frames") {
    nonsense = Nonsense::cut;
  }
  const auto receiver = listen();
  const auto path = path_of(*this, receiver->address());
  if (!Intruder(path).is_in()) {
    MESSAGE("this kind has no channel that others can write to by its path");
    return;
  }
  const auto count = static_cast<std::uint32_t>(bulk(8 << 20) / 2000);
  std::vector<Child> senders;
  for (std::uint32_t author = 0; author < 3; ++author)
    senders.push_back(sender(receiver->address(), [&, author](ipc::Sender& out) {
      for (std::uint32_t i = 0; i < count; ++i)
        expect(out.send(message(author, i, i % 20 == 0 ? 30'000 : 500)) == Status::ok, "send");
      return 0;
    }));
  Shared<std::atomic<std::size_t>> put;
  Child intruder = Child::run([&] {
    Intruder in(path);
    std::mt19937 random(1);
    const auto framed = well_formed_nonsense();
    for (std::uint32_t i = 0; i < 500; ++i) {
      auto bytes = framed[random() % framed.size()];
      if (nonsense == Nonsense::random) bytes = some_bytes(1 + random() % 4000, i + 1);
      if (nonsense == Nonsense::cut) bytes.resize(1 + random() % bytes.size());
      in.put(bytes);
    }
    *put = in.bytes_put();
    return 0;
  });
  Ears ears(*receiver);
  std::array<std::uint32_t, 3> next{};
  for (std::uint32_t got = 0; got < 3 * count;) {
    const auto received = ears.next();
    if (received.status == Status::closed) continue;
    REQUIRE(received.status == Status::ok);
    const auto label = label_of(received.message);
    REQUIRE(label);
    REQUIRE(label->number == next[label->author]++);
    ++got;
  }
  for (auto& child : senders) CHECK(child.wait() == 0);
  while (intruder.is_running()) (void)receiver->receive(Deadline::after(10ms));
  CHECK(intruder.wait() == 0);
  CHECK(ears.next_end(nullptr, 600ms).status != Status::died);
  CHECK(receiver->foreign_bytes() > 0);
  CHECK(receiver->foreign_bytes() <= *put);
  // It still receives.
  const auto out = connect(receiver->address());
  CHECK(out->send(text("after all"), Deadline::after(5s)) == Status::ok);
  auto received = ears.next();
  while (received.status == Status::closed) received = ears.next();
  CHECK(text_of(received.message) == "after all");
}

TEST_CASE_FIXTURE(Case, "a receiver that gets nothing but foreign bytes neither ends nor spins") {
  const auto receiver = listen();
  const auto path = path_of(*this, receiver->address());
  if (!Intruder(path).is_in()) return;
  const auto style = each_style();
  Ears ears(*receiver, style);
  Child intruder = Child::run([&] {
    Intruder in(path);
    for (std::uint32_t i = 0; i < 200; ++i) in.put(some_bytes(3000, i + 1));
    return 0;
  });
  const Stopwatch watch;
  CHECK(ears.next(700ms).status == Status::timed_out);
  CHECK(watch.elapsed() >= 700ms);
  CHECK(intruder.wait() == 0);
  CHECK(receiver->foreign_bytes() == 600'000);
}

}  // namespace
}  // namespace conformance
