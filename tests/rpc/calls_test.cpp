// Remote calls on every kind: what is asked is answered, and nobody's end harms anybody else.
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <ctime>
#include <string>
#include <vector>

#include "ipc/rpc/client.hpp"
#include "ipc/rpc/reply_inbox.hpp"
#include "ipc/rpc/server.hpp"
#include "tests/conformance/conformance.hpp"
#include "tests/conformance/disturbed.hpp"
#include "tests/conformance/observers.hpp"

namespace {

using namespace conformance;
using ipc::rpc::Client;
using ipc::rpc::Server;
using Outcome = Client::Outcome;

constexpr auto kPatience = 20s;

// So many callers at once fit into what the system gives one user.
constexpr std::uint32_t kMany = 16;

// Many sizes around everybody's atomic units, and one that passes through every channel in pieces.
std::vector<std::size_t> sizes() {
  return {0, 1, 100, 4080, 4096, 8192, 70'000, bulk(1 << 20)};
}

std::vector<std::byte> reversed(Bytes bytes) {
  return {bytes.rbegin(), bytes.rend()};
}

// Answers each request with its bytes in reverse, or refuses it if it begins with "no".
int serve(Server& server) {
  for (;;) {
    const auto request = server.next();
    if (text_of(request.body.first(std::min<std::size_t>(2, request.body.size()))) == "no")
      (void)server.refuse(request.call, "I would rather not", Deadline::after(kPatience));
    else
      (void)server.reply(request.call, reversed(request.body), Deadline::after(kPatience));
  }
}

// A server in a process of its own.
class RemoteServer {
 public:
  RemoteServer(const std::string& address, const std::function<int(Server&)>& body,
               const Options& options = {}) {
    process_ = Child::run([&] {
      Server server(kind(), address, options);
      state_->address.set(server.address());
      state_->listens.open();
      return body(server);
    });
    while (!state_->listens.wait(1, 20ms))
      if (!process_.is_running()) throw std::runtime_error("the server could not listen");
  }
  std::string address() const { return state_->address.get(); }
  Child& process() { return process_; }

 private:
  struct State {
    test::Gate listens;
    test::SharedText address;
  };
  Shared<State> state_;
  Child process_;
};

// What a killed server leaves is for the next one, or remove().
struct ServerCase : Case {
  ServerCase() : Case(120s) {}
  std::string address = kind().traits.named ? "served" : "";
  ~ServerCase() { remove(address); }
};

// A child that makes a client and does something with it.
Child caller(const std::string& server, const std::function<int(Client&)>& body) {
  return Child::run([&] {
    Client client(kind(), server);
    return body(client);
  });
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

TEST_CASE_FIXTURE(ServerCase, "a killed server is told within a second") {
  SUBCASE("while it works on the call") {
    RemoteServer server(address, [](Server& self) {
      (void)self.next();
      ::raise(SIGKILL);
      return 0;
    });
    Client client(kind(), server.address());
    const Stopwatch watch;
    CHECK(client.call(text("die"), Deadline::after(kPatience)).outcome == Outcome::closed);
    CHECK(watch.elapsed() < 1s);
    CHECK(client.call(text("again"), Deadline::after(kPatience)).outcome == Outcome::closed);
  }
  SUBCASE("before it has even heard of the call") {
    RemoteServer server(address, [](Server&) {
      for (;;) ::pause();
      return 0;
    });
    Client client(kind(), server.address());
    CHECK(client.begin(text("hello?"), Deadline::after(kPatience)) == Status::ok);
    CHECK(client.finish(Deadline::after(600ms)).outcome == Outcome::timed_out);
    server.process().kill();
    const Stopwatch watch;
    CHECK(client.finish(Deadline::after(kPatience)).outcome == Outcome::closed);
    CHECK(watch.elapsed() < 1s);
  }
  SUBCASE("and what it had answered counts") {
    RemoteServer server(address, [](Server& self) {
      const auto request = self.next();
      (void)self.reply(request.call, text("my last words"), Deadline::after(kPatience));
      ::raise(SIGKILL);
      return 0;
    });
    Client client(kind(), server.address());
    CHECK(client.begin(text("speak"), Deadline::after(kPatience)) == Status::ok);
    (void)server.process().wait();
    const auto answer = client.finish(Deadline::after(kPatience));
    CHECK(text_of(answer.body) == "my last words");
    CHECK(client.call(text("speak"), Deadline::after(kPatience)).outcome == Outcome::closed);
  }
}

TEST_CASE_FIXTURE(ServerCase,
                  "a server's good end is told as well, a stopped one is not taken for dead") {
  RemoteServer server(address, [](Server& self) {
    (void)self.next();
    return 0;  // Child::run ends without destructors; the next case has them
  });
  Client client(kind(), server.address());
  server.process().signal(SIGSTOP);
  CHECK(client.call(text("hello?"), Deadline::after(700ms)).outcome == Outcome::timed_out);
  server.process().signal(SIGCONT);
  CHECK(client.call(text("hello?"), Deadline::after(kPatience)).outcome == Outcome::closed);
}

TEST_CASE_FIXTURE(ServerCase,
                  "callers outlive a server that ends in good order, and find the next") {
  Child other;
  {
    Server server(kind(), address);
    other = Child::run([&, at = server.address()] {
      {
        Client client(kind(), at);
        expect(client.call(text("bye"), Deadline::after(kPatience)).outcome == Outcome::closed,
               "closed");
      }
      return 0;
    });
    REQUIRE(server.next(Deadline::after(kPatience)));
  }
  CHECK(other.wait() == 0);
  RemoteServer next(address, serve);
  Client client(kind(), next.address());
  CHECK(text_of(client.call(text("ab"), Deadline::after(kPatience)).body) == "ba");
}

TEST_CASE_FIXTURE(ServerCase, "a killed caller harms nobody, and leaves nothing") {
  Server server(kind(), address);
  {
    Child victim = caller(server.address(), [](Client& client) {
      (void)client.call(text("victim"), Deadline::never());
      return 0;
    });
    const auto request = server.next(Deadline::after(kPatience));
    REQUIRE(request);
    const Server::Call call = request.call;
    Child healthy = caller(server.address(), [](Client& client) {
      for (int i = 0; i < 20; ++i)
        expect(client.call(text("x"), Deadline::after(kPatience)).outcome == Outcome::reply,
               "reply");
      return 0;
    });
    victim.kill();
    const Stopwatch watch;
    int answered = 0;
    while (server.is_wanted(call) || answered < 20) {
      const auto other = server.next(Deadline::after(10ms));
      if (other)
        answered += server.reply(other.call, other.body, Deadline::after(kPatience)) == Status::ok;
      REQUIRE(watch.elapsed() < kPatience);
    }
    CHECK(healthy.wait() == 0);
    CHECK(server.reply(call, text("for the dead"), Deadline::after(kPatience)) == Status::closed);
  }
  for (const auto& name : entries()) CHECK_FALSE(contains(name, ".reply."));
}

// What has the name of a caller's inbox.
std::vector<std::string> inboxes(const Case& place) {
  auto names = place.entries();
  std::erase_if(names, [](const std::string& name) { return !contains(name, ".reply."); });
  return names;
}

void serve_until_none_is_left(Server& server, const Case& place) {
  const Stopwatch watch;
  while (!inboxes(place).empty() && watch.elapsed() < kPatience)
    (void)server.next(Deadline::after(10ms));
  CHECK(inboxes(place).empty());
}

// A caller that does so much and then nothing more.
Child idle_caller(const std::string& server, test::Gate& done,
                  const std::function<void(Client&)>& body) {
  Child child = caller(server, [&](Client& client) {
    body(client);
    done.open();
    for (;;) ::pause();
    return 0;
  });
  return child;
}

void call_and_not_look(Client& client) {
  expect(client.begin(text("x"), Deadline::after(kPatience)) == Status::ok, "begin");
}

TEST_CASE_FIXTURE(ServerCase, "a caller killed after its reply was sent leaves nothing") {
  Server server(kind(), address);
  Shared<test::Gate> done;
  Child victim = idle_caller(server.address(), *done, call_and_not_look);
  const auto request = server.next(Deadline::after(kPatience));
  REQUIRE(request);
  CHECK(server.reply(request.call, text("unread"), Deadline::after(kPatience)) == Status::ok);
  REQUIRE(done->wait());
  victim.kill();
  serve_until_none_is_left(server, *this);
}

TEST_CASE_FIXTURE(ServerCase, "a caller killed before its first call leaves nothing") {
  Server server(kind(), address);
  Shared<test::Gate> done;
  Child victim = idle_caller(server.address(), *done, [](Client&) {});
  REQUIRE(done->wait());
  victim.kill();
  serve_until_none_is_left(server, *this);
}

TEST_CASE_FIXTURE(ServerCase,
                  "a server that ends, or the next one, removes what the dead have left") {
  const auto leave_one = [&](Server& server) {
    Shared<test::Gate> done;
    Child victim = idle_caller(server.address(), *done, call_and_not_look);
    const auto request = server.next(Deadline::after(kPatience));
    REQUIRE(request);
    CHECK(server.reply(request.call, text("unread"), Deadline::after(kPatience)) == Status::ok);
    REQUIRE(done->wait());
    victim.kill();
  };
  {
    Server server(kind(), address);
    leave_one(server);
  }
  CHECK(inboxes(*this).empty());
  if (!kind().traits.named) return;
  Shared<test::Gate> called;
  Child victim;
  {
    RemoteServer first(address, [](Server& server) { return serve(server); });
    victim = idle_caller(first.address(), *called, call_and_not_look);
    REQUIRE(called->wait());
    first.process().kill();
  }
  victim.kill();
  Server next(kind(), address);
  CHECK(inboxes(*this).empty());
}

TEST_CASE_FIXTURE(ServerCase, "a living caller's inbox outlasts the sweep after others") {
  Server server(kind(), address);
  Child healthy = caller(server.address(), [](Client& client) {
    for (int i = 0; i < 20; ++i)
      expect(client.call(text("x"), Deadline::after(kPatience)).outcome == Outcome::reply, "reply");
    return 0;
  });
  int answered = 0;
  const auto answer = [&](int up_to) {
    const Stopwatch watch;
    while (answered < up_to && watch.elapsed() < kPatience)
      if (const auto request = server.next(Deadline::after(10ms)))
        answered +=
            server.reply(request.call, request.body, Deadline::after(kPatience)) == Status::ok;
  };
  for (int round = 1; round <= 4; ++round) {
    Shared<test::Gate> done;
    Child victim = idle_caller(server.address(), *done, [](Client&) {});
    REQUIRE(done->wait());
    victim.kill();
    answer(5 * round);
  }
  CHECK(answered == 20);
  CHECK(healthy.wait() == 0);
  serve_until_none_is_left(server, *this);
}

TEST_CASE_FIXTURE(ServerCase, "a long reply to a caller killed midway ends with closed") {
  Server server(kind(), address);
  Child victim = caller(server.address(), [](Client& client) {
    (void)client.begin(text("much"), Deadline::never());
    for (;;) ::pause();
    return 0;
  });
  const auto request = server.next(Deadline::after(kPatience));
  REQUIRE(request);
  const auto much = some_bytes(ipc::kMaxMessage / 2);
  if (kind().traits.durable) {  // has room for it, and keeps it
    CHECK(server.reply(request.call, much, Deadline::after(kPatience)) == Status::ok);
    victim.kill();
    kind().remove(directory() + "/served.reply.1");
    return;
  }
  CHECK(server.reply(request.call, much, Deadline::after(200ms)) == Status::timed_out);
  CHECK(server.is_wanted(request.call));
  victim.kill();
  const Stopwatch watch;
  CHECK(server.reply(request.call, much, Deadline::after(kPatience)) == Status::closed);
  CHECK(watch.elapsed() < 1s);
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

TEST_CASE_FIXTURE(ServerCase,
                  "a caller killed at any call of the library harms nobody, and nothing grows") {
  constexpr std::uint32_t wave = 16;
  Server server(kind(), address);
  struct State {
    std::atomic<bool> over{false};
    std::atomic<bool> untouched{false};
  };
  Shared<State> state;
  Child healthy = caller(server.address(), [&](Client& client) {
    while (!state->over) {
      const auto answer = client.call(text("abc"), Deadline::after(kPatience));
      expect(text_of(answer.body) == "cba", "the healthy caller's reply");
      ::usleep(2000);
    }
    return 0;
  });
  const auto serve_for = [&](std::chrono::nanoseconds span) {
    const auto request = server.next(Deadline::after(span));
    if (request) (void)server.reply(request.call, reversed(request.body), Deadline::after(1s));
  };
  std::uint32_t first = 1;
  for (; !state->untouched; first += wave) {
    std::vector<Child> victims;
    for (std::uint32_t call = first; call < first + wave; ++call)
      victims.push_back(Child::run([&, call] {
        KillAt killer(call);
        ipc::sys::observe(&killer);
        {
          Client client(kind(), server.address());
          expect(text_of(client.call(text("12"), Deadline::after(kPatience)).body) == "21",
                 "reply");
          expect(client.call(text("no"), Deadline::after(kPatience)).outcome == Outcome::reply,
                 "reply");
        }
        ipc::sys::observe(nullptr);
        state->untouched = true;
        return kUntouched;
      }));
    for (Child& victim : victims) {
      while (victim.is_running()) serve_for(2ms);
      const int status = victim.wait();
      CHECK((status == -SIGKILL || status == kUntouched));
    }
    REQUIRE(first < 5000U);
  }
  MESSAGE("killed at " << first << " calls");
  state->over = true;
  while (healthy.is_running()) serve_for(10ms);
  CHECK(healthy.wait() == 0);
  for (const auto end = Deadline::after(600ms); !end.expired();) serve_for(10ms);
  if (kind().traits.named) {
    // Those killed before the server heard of them leave their names to the next callers: so there are
    // never more than there were callers at once.
    std::size_t left = 0;
    for (const auto& name : entries()) left += contains(name, ".reply.") ? 1U : 0U;
    CHECK(left <= 3 * (wave + 1));
    for (std::uint32_t i = 1; i <= 2 * wave; ++i) remove("served.reply." + std::to_string(i));
  }
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
