// Objects that somebody cuts short or overwrites while they are used: an error, never a signal.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ipc/sync/barrier.hpp"
#include "ipc/sync/condition.hpp"
#include "ipc/sync/event.hpp"
#include "ipc/sync/semaphore.hpp"
#include "ipc/sync/timer.hpp"
#include "tests/sync/case.hpp"

namespace sync_test {
namespace {

namespace fs = std::filesystem;
using ipc::Trouble;
using namespace ipc::sync;

// One object of a kind and what can be done with it.
class Object {
 public:
  virtual ~Object() = default;
  virtual void use() = 0;   ///< All of it, without waiting.
  virtual void wait() = 0;  ///< For what does not come.
};

struct MutexObject : Object {
  Mutex its{"demo"};
  void use() override {
    if (its.lock(Deadline::at_once()) != Outcome::timed_out) its.unlock();
    (void)its.holder();
  }
  void wait() override { (void)its.lock(); }
};
struct SemaphoreObject : Object {
  Semaphore its{"demo", Permits{.initial = 1}};
  void use() override {
    if (its.acquire(Deadline::at_once()) == Outcome::ok) its.release();
    its.post();
    (void)its.value();
    (void)its.consume(Deadline::at_once());
  }
  void wait() override {
    while (its.consume() == Outcome::ok) continue;
  }
};
struct EventObject : Object {
  Event its{"demo"};
  void use() override {
    its.set();
    (void)its.wait(Deadline::at_once());
    (void)its.is_set();
    its.clear();
  }
  void wait() override { (void)its.wait(); }
};
struct BarrierObject : Object {
  Barrier its{"demo", 3};
  void use() override {
    (void)its.wait(Deadline::at_once());
    (void)its.waiting();
  }
  void wait() override { (void)its.wait(); }
};
struct ConditionObject : Object {
  Condition its{"demo"};
  void use() override {
    (void)its.wait(Deadline::at_once());
    (void)its.notify_one();
    (void)its.notify_all();
    (void)its.waiting();
  }
  void wait() override { (void)its.wait(); }
};
struct TimerObject : Object {
  Timer its{"demo"};
  void use() override {
    its.start(Timer::Clock::now() + 1h);
    (void)its.wait(Deadline::at_once());
    (void)its.is_running();
    its.stop();
  }
  void wait() override { (void)its.wait(); }
};

struct KindOf {
  std::string name;
  std::unique_ptr<Object> (*open)();
};
template <class Its>
std::unique_ptr<Object> open() {
  return std::make_unique<Its>();
}
const KindOf kKinds[] = {
    {"mutex", open<MutexObject>},         {"semaphore", open<SemaphoreObject>},
    {"event", open<EventObject>},         {"barrier", open<BarrierObject>},
    {"condition", open<ConditionObject>}, {"timer", open<TimerObject>},
};

TEST_CASE_FIXTURE(Case,
                  "an object that is cut short is told as corrupt, whatever is done with it") {
  const auto path = directory() + "/demo";
  for (const auto& [name, open] : kKinds)
    for (const std::uintmax_t length : {0u, 100u}) {
      CAPTURE(name);
      CAPTURE(length);
      {
        const auto object = open();
        object->use();
        fs::resize_file(path, length);
        CHECK(sentence_of([&] { object->use(); }) ==
              "use " + path + ": is " + std::to_string(length) +
                  " bytes long, not 20480; somebody truncated it");
        CHECK(trouble_of([&] { object->use(); }) == Trouble::corrupt);
        CHECK(trouble_of([&] { open(); }) == Trouble::corrupt);
      }
      fs::remove(path);
    }
}

TEST_CASE_FIXTURE(Case, "cut short and made long again, an object is told as corrupt") {
  const auto path = directory() + "/demo";
  for (const auto& [name, open] : kKinds) {
    CAPTURE(name);
    {
      const auto object = open();
      const auto length = fs::file_size(path);
      fs::resize_file(path, 0);
      fs::resize_file(path, length);
      CHECK(sentence_of([&] { object->use(); }) == "use " + path + ": somebody has overwritten it");
    }
    fs::remove(path);
  }
}

TEST_CASE_FIXTURE(Case, "without the places of its parties an object may work on or be corrupt") {
  const auto path = directory() + "/demo";
  for (const auto& [name, open] : kKinds) {
    CAPTURE(name);
    Child user = Child::run([&, &open = open] {
      const auto object = open();
      fs::resize_file(path, 4096);
      try {
        for (int i = 0; i < 10; ++i) object->use();
      } catch (const ipc::Error& error) {
        expect(error.trouble() == Trouble::corrupt, error.what());
      }
      return 0;
    });
    CHECK(user.wait() == 0);
    fs::remove(path);
  }
}

TEST_CASE_FIXTURE(Case, "who sleeps while his object is cut short is told within seconds") {
  std::vector<Child> holders;
  std::vector<Child> waiters;
  // Each in a directory of its own, so that they can sleep at the same time.
  const auto place = [this](const std::string& name) { return directory() + "/" + name; };
  for (const auto& [name, open] : kKinds) {
    fs::create_directory(place(name));
    const auto enter = [&place, &name = name] { ::setenv("IPC_DIR", place(name).c_str(), 1); };
    Shared<Gate> is_held;
    holders.push_back(Child::run([&, &open = open] {
      enter();
      const auto object = open();
      object->use();
      if (auto* mutex = dynamic_cast<MutexObject*>(object.get())) (void)mutex->its.lock();
      is_held->open();
      for (;;) ::pause();
      return 0;
    }));
    REQUIRE(is_held->wait());
    waiters.push_back(Child::run([&, &open = open] {
      enter();
      const auto object = open();
      try {
        object->wait();
      } catch (const ipc::Error& error) {
        return error.trouble() == Trouble::corrupt ? 0 : 1;
      }
      return 2;
    }));
    wait_until_asleep(waiters.back().pid());
    fs::resize_file(place(name) + "/demo", 0);
  }
  for (auto& waiter : waiters) CHECK(waiter.wait() == 0);
  for (auto& holder : holders) holder.kill();
  for (const auto& kind : kKinds) fs::remove_all(place(kind.name));
}

TEST_CASE_FIXTURE(Case, "what others write into an object may be an error, and is no signal") {
  const auto path = directory() + "/demo";
  std::mt19937_64 random(20);
  for (const auto& [name, open] : kKinds) {
    CAPTURE(name);
    Shared<std::atomic<bool>> is_over;
    const auto one = open();  // keeps the object there
    Child user = Child::run([&, &open = open] {
      std::unique_ptr<Object> object;
      while (!*is_over) try {
          if (object == nullptr) object = open();
          object->use();
        } catch (const ipc::Error&) {
          object.reset();
        }
      return 0;
    });
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const Stopwatch watch;
    // Behind what is checked when it is opened: the words that parties believe at any time.
    while (watch.elapsed() < 500ms && user.is_running()) {
      const std::uint64_t word = random() % 3 == 0 ? random() % 4 : random();
      file.seekp(static_cast<std::streamoff>(random() % 2 == 0 ? 24 + random() % 300 / 8 * 8
                                                               : 4096 + random() % 128 * 8));
      file.write(reinterpret_cast<const char*>(&word), sizeof word);
      file.flush();
    }
    *is_over = true;
    CHECK(user.wait() == 0);
    fs::remove(path);
  }
}

}  // namespace
}  // namespace sync_test
