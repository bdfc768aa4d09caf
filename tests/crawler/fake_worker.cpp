// A worker that downloads nothing: the URL's path says how it answers, and the environment how it
// begins. It speaks the protocol as any worker does, so that a test can have every kind of worker.
//
//   /ok?ms=N        a page, after N milliseconds (also of every other path)
//   /big?kib=N      N KiB of text
//   /twice          the same result two times
//   /bad            a result with a status that does not exist; /ok is never said
//   /noise          random bytes, well-framed nonsense and messages of another run, then a page
//   /silent         nothing, but pings are answered
//   /hang           nothing any more, not even pongs
//   /crash /exit    ends by SIGSEGV, or with 7
//   /crash-once     ends by SIGSEGV on the first attempt
//   /eat            asks for memory until a limit on its address space ends it
//
//   FAKE_WORKER=die         ends with 3 before it says hello
//   FAKE_WORKER=mute        never says hello
//   FAKE_WORKER=lives-on    closes its lifeline unread and ignores it and `stop`
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/pool/hand_made_worker.hpp"
#include "tools/crawler/protocol.hpp"

namespace {

using Clock = ipc::Deadline::Clock;

unsigned number_after(const std::string& url, const std::string& key) {
  const auto at = url.find(key + "=");
  return at == url.npos ? 0 : static_cast<unsigned>(std::atoi(url.c_str() + at + key.size() + 1));
}

// A sanitizer's handler would make a failure with exit status 1 of it.
void crash() {
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
}

// The std::bad_alloc is caught by nobody, as it comes to a worker anywhere.
void run_out_of_memory() {
  constexpr rlimit limit{std::size_t{256} << 20, std::size_t{256} << 20};
  if (::setrlimit(RLIMIT_AS, &limit) == -1) std::abort();
  std::vector<std::vector<char>> eaten;
  for (;;) eaten.emplace_back(std::size_t{16} << 20, 'x');
}

class FakeWorker {
 public:
  FakeWorker(int argc, char** argv) : self_(argc, argv) {}

  int lifeline() const { return std::stoi(self_.option("--lifeline-fd")); }

  void say_hello() {
    pool::Envelope hello = self_.envelope(pool::Type::hello);
    hello.about =
        crawler::write_hello({.pid = ::getpid(),
                              .slots = std::stoull(self_.option("--slots")),
                              .inbox = self_.has("--inbox") ? self_.option("--inbox") : ""});
    send(pool::encode(hello));
  }

  void run(bool lives_on) {
    for (;;) {
      const auto deadline =
          due_.empty() ? ipc::Deadline::never() : ipc::Deadline::at(due_.begin()->first);
      const auto received = self_.inbox().receive(deadline);
      while (!due_.empty() && due_.begin()->first <= Clock::now()) {
        send(due_.begin()->second);
        due_.erase(due_.begin());
      }
      if (received.status == ipc::Status::closed && !lives_on) return;
      if (!received) continue;
      const auto decoded = pool::decode(received.message);
      if (!decoded) std::abort();
      if (decoded.envelope->type == pool::Type::ping)
        send(pool::encode(self_.envelope(pool::Type::pong)));
      if (decoded.envelope->type == pool::Type::stop && !lives_on) return;
      if (decoded.envelope->type == pool::Type::task) take(*decoded.envelope);
    }
  }

 private:
  void send(const std::vector<std::byte>& message) {
    if (self_.master().send(message) != ipc::Status::ok) std::_Exit(0);
  }

  void make_noise() {
    std::mt19937 random(std::random_device{}());
    for (int each = 0; each != 100; ++each) {
      std::vector<std::byte> junk(random() % 5000);
      for (auto& byte : junk) byte = static_cast<std::byte>(random());
      send(junk);
      auto message = pool::encode(self_.envelope(pool::Type::pong));
      message[random() % message.size()] = static_cast<std::byte>(random());
      send(message);
      pool::Envelope other = self_.envelope(pool::Type::result);
      other.run ^= 1;
      other.task = other.attempt = 1;
      send(pool::encode(other));
      pool::Envelope stale = self_.envelope(pool::Type::result);
      stale.task = 1'000'000 + random();
      stale.attempt = 1;
      stale.about = {{"status", "ok"}};
      send(pool::encode(stale));
      send(pool::encode(self_.envelope(pool::Type::ping)));
    }
  }

  void take(const pool::Envelope& task) {
    const std::string url(pool::as_text(task.body));
    const auto is = [&](const char* path) { return url.find(path) != url.npos; };
    if (is("/hang"))
      for (;;) ::pause();
    if (is("/crash-once") ? task.attempt == 1 : is("/crash")) crash();
    if (is("/exit")) std::_Exit(7);
    if (is("/eat")) run_out_of_memory();
    if (is("/silent")) return;
    if (is("/noise")) make_noise();

    crawler::Page page;
    page.status = crawler::Fate::ok;
    page.http_status = 200;
    page.content_type = "text/html";
    page.charset = "utf-8";
    page.text = is("/big") ? std::string(std::size_t{1024} * number_after(url, "kib"), 'x')
                           : "text of " + url;
    pool::Envelope result = self_.result_of(task);
    result.about = crawler::write_page(page);
    result.body = pool::as_bytes(page.text);
    if (is("/bad")) result.about["status"] = "splendid";
    const auto when = Clock::now() + std::chrono::milliseconds(number_after(url, "ms"));
    due_.emplace(when, pool::encode(result));
    if (is("/twice")) due_.emplace(when, pool::encode(result));
  }

  support::HandMadeWorker self_;
  std::multimap<Clock::time_point, std::vector<std::byte>> due_;
};

}  // namespace

int main(int argc, char** argv) {
  const char* variable = std::getenv("FAKE_WORKER");
  const std::string manner = variable != nullptr ? variable : "";
  if (manner == "die") return 3;
  const bool lives_on = manner == "lives-on";
  FakeWorker worker(argc, argv);
  if (lives_on) {
    ::close(worker.lifeline());
  } else {
    // A lifeline has nothing to read until its end. The thread comes after the inbox, whose kind may
    // want signals blocked in all of them.
    std::thread([fd = worker.lifeline()] {
      char none;
      while (::read(fd, &none, 1) == -1) {
      }
      std::_Exit(0);
    }).detach();
  }
  if (manner != "mute") worker.say_hello();
  worker.run(lives_on);
  return 0;
}
