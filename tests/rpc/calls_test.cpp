// Remote calls on every kind: what is asked is answered, in time, and to whom it belongs.
#include <ctime>

#include "ipc/rpc/reply_inbox.hpp"
#include "tests/conformance/disturbed.hpp"
#include "tests/rpc/rpc_case.hpp"

namespace rpc_test {
namespace {

// So many callers at once fit into what the system gives one user.
constexpr std::uint32_t kMany = 16;

// Many sizes around everybody's atomic units, and one that passes through every channel in pieces.
std::vector<std::size_t> sizes() {
  return {0, 1, 100, 4080, 4096, 8192, 70'000, bulk(1 << 20)};
}

TEST_CASE_FIXTURE(ServerCase, "each request gets its reply, whatever their sizes") {
  RemoteServer server(address, serve);
  {
    Client client(kind(), server.address());
    for (const std::size_t size : sizes()) {
      CAPTURE(size);
      const auto request = some_bytes(size, static_cast<std::uint32_t>(size));
      const auto answer = client.call(request, Deadline::after(kPatience));
      REQUIRE(answer.outcome == Outcome::reply);
      CHECK(same(answer.body, reversed(request)));
    }
  }
}

TEST_CASE_FIXTURE(ServerCase,
                  "the longest request and the longest reply pass, longer ones do not") {
  const std::size_t most = bulk(16 << 20);
  Options options;
  if (knows("max_message")) options.max_message = most;
  RemoteServer server(
      address,
      [&](Server& self) -> int {
        for (;;) {
          const auto request = self.next();
          const std::size_t longest = self.max_reply(request.call);
          if (request.body.empty()) {
            const auto error = error_of([&] {
              return self.reply(request.call, some_bytes(longest + 1), Deadline::at_once());
            });
            expect(error.code().value() == EMSGSIZE, error.what());
            (void)self.refuse(request.call, "too long", Deadline::after(kPatience));
          } else {
            (void)self.reply(request.call, some_bytes(bulk(longest)), Deadline::after(kPatience));
          }
        }
      },
      options);
  Client client(kind(), server.address());
  CHECK(client.max_request() < (knows("max_message") ? most : ipc::kMaxMessage));
  CHECK(client.max_request() + 5000 > (knows("max_message") ? most : ipc::kMaxMessage));
  const auto error = error_of([&] {
    return client.call(some_bytes(client.max_request() + 1), Deadline::after(kPatience)).outcome;
  });
  CHECK(error.code().value() == EMSGSIZE);
  const auto longest = bulk(client.max_request());
  const auto answer = client.call(some_bytes(longest), Deadline::after(kPatience));
  REQUIRE(answer.outcome == Outcome::reply);
  CHECK(same(answer.body, some_bytes(bulk(ipc::kMaxMessage - 16))));
  const auto refused = client.call({}, Deadline::after(kPatience));
  CHECK(refused.outcome == Outcome::refused);
  CHECK(text_of(refused.body) == "too long");
}

TEST_CASE_FIXTURE(ServerCase, "a refusal says why, and the next call is answered") {
  RemoteServer server(address, serve);
  Client client(kind(), server.address());
  for (int i = 0; i < 3; ++i) {
    const auto refused = client.call(text("no way"), Deadline::after(kPatience));
    CHECK(refused.outcome == Outcome::refused);
    CHECK(text_of(refused.body) == "I would rather not");
    const auto answer = client.call(text("abc"), Deadline::after(kPatience));
    CHECK(answer.outcome == Outcome::reply);
    CHECK(text_of(answer.body) == "cba");
  }
}

TEST_CASE_FIXTURE(ServerCase, "many callers at once: each gets its own replies") {
  RemoteServer server(address, serve);
  std::vector<Child> callers;
  for (std::uint32_t author = 1; author <= kMany; ++author)
    callers.push_back(caller(server.address(), [author](Client& client) {
      for (std::uint32_t i = 0; i < 40; ++i) {
        const auto request = message(author, i, i % 8 == 0 ? bulk(40'000) + kLabelled : 100);
        const auto answer = client.call(request, Deadline::after(kPatience));
        expect(answer.outcome == Outcome::reply, "outcome");
        expect(same(reversed(answer.body), request), "another's reply, or a torn one");
      }
      return 0;
    }));
  for (Child& each : callers) CHECK(each.wait(60s) == 0);
}

TEST_CASE_FIXTURE(ServerCase, "open calls may be answered in any order") {
  Server server(kind(), address);
  std::vector<Child> callers;
  for (std::uint32_t author = 1; author <= 4; ++author)
    callers.push_back(caller(server.address(), [author](Client& client) {
      const auto answer = client.call(message(author, 0, 50), Deadline::after(kPatience));
      expect(answer && same(answer.body, message(author, 1, 60)), "its own reply");
      return 0;
    }));
  std::vector<std::pair<Server::Call, std::uint32_t>> open;
  while (open.size() < 4) {
    const auto request = server.next(Deadline::after(kPatience));
    REQUIRE(request);
    const auto label = label_of(request.body);
    REQUIRE(label);
    open.emplace_back(request.call, label->author);
  }
  for (; !open.empty(); open.pop_back()) {
    const auto& [call, author] = open.back();
    CHECK(server.is_wanted(call));
    CHECK(server.reply(call, message(author, 1, 60), Deadline::after(kPatience)) == Status::ok);
    CHECK_FALSE(server.is_wanted(call));
    CHECK(server.reply(call, {}, Deadline::at_once()) == Status::closed);  // only once
  }
  for (Child& each : callers) CHECK(each.wait() == 0);
}

TEST_CASE_FIXTURE(ServerCase, "a deadline is kept, and the late reply is nobody's") {
  RemoteServer server(address, [](Server& self) {
    const auto first = self.next();
    const std::vector<std::byte> kept(first.body.begin(), first.body.end());
    // The next request shows that the first call was given up.
    const auto second = self.next();
    expect(!self.is_wanted(first.call), "it was withdrawn");
    expect(self.reply(first.call, kept, Deadline::after(1s)) == Status::closed, "dropped here");
    (void)self.reply(second.call, second.body, Deadline::after(kPatience));
    return serve(self);
  });
  Client client(kind(), server.address());
  const Stopwatch watch;
  CHECK(client.call(text("first"), Deadline::after(300ms)).outcome == Outcome::timed_out);
  CHECK(watch.elapsed() >= 300ms);
  CHECK(watch.elapsed() < 400ms);
  const auto answer = client.call(text("second"), Deadline::after(kPatience));
  CHECK(text_of(answer.body) == "second");
}

TEST_CASE_FIXTURE(ServerCase, "a reply that crosses its withdrawal is dropped by the client") {
  // This server does not look before it answers.
  RemoteServer server(address, [](Server& self) {
    const auto first = self.next();
    const Deadline later = Deadline::after(500ms);
    ::timespec left = later.left_timespec();
    ::nanosleep(&left, nullptr);
    expect(self.reply(first.call, text("late"), Deadline::after(kPatience)) == Status::ok, "sent");
    return serve(self);
  });
  Client client(kind(), server.address());
  CHECK(client.call(text("first"), Deadline::after(100ms)).outcome == Outcome::timed_out);
  const auto answer = client.call(text("second"), Deadline::after(kPatience));
  CHECK(text_of(answer.body) == "dnoces");
}

TEST_CASE_FIXTURE(ServerCase,
                  "a server stuck in a reply that was given up does not stop its caller") {
  RemoteServer server(address, [](Server& self) {
    const auto first = self.next();
    const Deadline later = Deadline::after(300ms);
    ::timespec left = later.left_timespec();
    ::nanosleep(&left, nullptr);
    // More than the channel holds, and nobody reads it: the caller sends.
    (void)self.reply(first.call, some_bytes(bulk(4 << 20)), Deadline::never());
    return serve(self);
  });
  Client client(kind(), server.address());
  CHECK(client.call(text("first"), Deadline::after(100ms)).outcome == Outcome::timed_out);
  const auto request = some_bytes(bulk(4 << 20));
  const auto answer = client.call(request, Deadline::after(kPatience));
  CHECK(same(answer.body, reversed(request)));
}

TEST_CASE_FIXTURE(ServerCase, "what is no call is counted and dropped") {
  // It answers with the number it has counted until it is asked to end. Over connections the
  // caller's words may overtake those put beside it, so that one call cannot tell.
  RemoteServer server(address, [](Server& self) {
    for (bool last = false; !last;) {
      const auto request = self.next(Deadline::after(kPatience));
      expect(request.status == Status::ok, "a request");
      last = text_of(request.body) == "end";
      const auto counted = std::to_string(self.foreign_messages());
      (void)self.reply(request.call, text(counted), Deadline::after(kPatience));
    }
    return 0;
  });
  const auto forge = [](const ipc::rpc::Message& message) {
    std::vector<std::byte> room;
    (void)ipc::rpc::encode(message, room);
    return room;
  };
  const auto out = connect(server.address());
  const auto put = [&](Bytes bytes) {
    CHECK(out->send(bytes, Deadline::after(kPatience)) == Status::ok);
  };
  put(text("hello, is anybody there?"));
  put({});
  put(forge({.type = ipc::rpc::Type::reply, .number = 1, .body = text("x")}));
  // Another inbox of the server's user is no place for a reply.
  put(forge(
      {.type = ipc::rpc::Type::call, .number = 1, .address = "/tmp/demo", .body = text("x")}));
  put(forge({.type = ipc::rpc::Type::withdraw, .number = 9}));  // unknown, and harmless
  // Its place is free, so it is one of a caller that has ended: nothing has to be done for it.
  const std::string gone =
      kind().traits.named ? directory() + "/served.reply.9" : "/proc/1/fd/77777";
  put(forge({.type = ipc::rpc::Type::call, .number = 2, .address = gone, .body = text("x")}));
  put(text("the fifth"));
  Client client(kind(), server.address());
  const auto counts = [&](std::string_view number) {
    const Stopwatch watch;
    std::string counted;
    while (counted != number && watch.elapsed() < kPatience)
      counted = text_of(client.call(text("how many?"), Deadline::after(kPatience)).body);
    CHECK(counted == number);
  };
  counts("5");
  put(text("the sixth"));
  counts("6");
  CHECK(text_of(client.call(text("end"), Deadline::after(kPatience)).body) == "6");
  CHECK(server.process().wait() == 0);
}

TEST_CASE("only inboxes of callers are places for replies") {
  const auto is_place = [](std::string_view address) {
    return ipc::rpc::is_reply_address(kind(), address);
  };
  if (!kind().traits.named) {
    CHECK(is_place("/proc/4711/fd/5"));
    for (const auto* other :
         {"/proc/self/fd/5", "/proc/4711/fd/", "/proc//fd/5", "/proc/1/fd/5/x", "/etc/passwd", ""})
      CHECK_FALSE(is_place(other));
    return;
  }
  CHECK(is_place("/run/user/0/ipc/demo.reply.1"));
  CHECK(is_place("/run/user/0/ipc/demo.reply.4096"));
  for (const auto* other :
       {"/run/user/0/ipc/demo", "demo.reply.1", "/x.reply.", "/x.reply.1a", "/x.reply.1/y", ""})
    CHECK_FALSE(is_place(other));
  CHECK(is_place("127.0.0.1:4711") == kind().traits.many_hosts);
}

}  // namespace
}  // namespace rpc_test
