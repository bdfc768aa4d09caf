// The ends of servers and callers, good and bad, harm nobody else and leave nothing.
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "tests/conformance/disturbed.hpp"
#include "tests/conformance/observers.hpp"
#include "tests/rpc/rpc_case.hpp"

namespace rpc_test {
namespace {

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

// A caller is killed that has been sent a reply and has not looked.
void kill_one_with_a_reply(Server& server) {
  Shared<test::Gate> done;
  Child victim = idle_caller(server.address(), *done, call_and_not_look);
  const auto request = server.next(Deadline::after(kPatience));
  REQUIRE(request);
  CHECK(server.reply(request.call, text("unread"), Deadline::after(kPatience)) == Status::ok);
  REQUIRE(done->wait());
  victim.kill();
}

TEST_CASE_FIXTURE(ServerCase, "a caller killed after its reply was sent leaves nothing") {
  Server server(kind(), address);
  kill_one_with_a_reply(server);
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
  {
    Server server(kind(), address);
    kill_one_with_a_reply(server);
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

}  // namespace
}  // namespace rpc_test
