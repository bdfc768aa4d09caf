// Who has left, in which order it is told, and of whom: with slots that the test writes itself.
#include "ipc/framed/inbox.hpp"

#include <array>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace ipc;
using framed::Inbox;
using sys::Tenure;

constexpr std::uint32_t kSlots = 4;
constexpr std::uint64_t kChannelFrames = 10;

// Plays the senders, the kernel's locks, and a receiver whose channel is empty whenever it looks.
class Scene {
 public:
  explicit Scene(std::uint32_t deaths_before = 0) {
    slots_[0].deaths_told = deaths_before;
    slots_[0].tenure = Tenure{deaths_before, deaths_before, sys::Place::goodbye}.packed();
    inbox_.emplace(
        Inbox::Terms{.slots = slots_,
                     .lives = [this](std::uint32_t slot) { return locked_.contains(slot); },
                     .any_lives = [this] { return !locked_.empty(); },
                     .max_message = 100,
                     .channel_frames = kChannelFrames});
  }

  void lock(std::uint32_t slot) { locked_.insert(slot); }
  std::uint32_t enter(std::uint32_t slot, pid_t pid = 0) {
    lock(slot);
    const auto tenure = sys::succeed(slots_[slot]);
    slots_[slot].pid = 0;
    slots_[slot].tenure = tenure.packed();
    slots_[slot].pid = pid;
    return sys::connection_id(tenure.generation, slot, kSlots);
  }
  void kill(std::uint32_t slot) { locked_.erase(slot); }
  void leave(std::uint32_t slot) {
    auto tenure = Tenure::unpacked(slots_[slot].tenure);
    tenure.place = sys::Place::goodbye;
    slots_[slot].tenure = tenure.packed();
    locked_.erase(slot);
  }

  // A message of one frame, or a part of a longer one.
  std::optional<Received> send(std::uint32_t id, std::string_view text, std::uint32_t total = 0) {
    const wire::Frame frame{id, ++message_, total ? total : static_cast<std::uint32_t>(text.size()),
                            0,  0,          std::as_bytes(std::span(text))};
    REQUIRE(inbox_->plausible(frame));
    return inbox_->accept(frame);
  }
  bool is_plausible(std::uint32_t id, std::uint32_t total = 3) const {
    return inbox_->plausible(wire::Frame{id, 1, total, 0, 0, {}});
  }

  // All that is told once the channel has been found empty: "died 5", "died 5 unfinished", "closed".
  std::vector<std::string> told() {
    std::vector<std::string> all;
    inbox_->look_soon();
    while (inbox_->look()) {
    }
    while (const auto event = inbox_->settle()) {
      last_ = *event;
      all.push_back(describe(*event));
      if (all.size() > 1000) break;
    }
    return all;
  }
  static std::string describe(const Received& event) {
    if (event.status != Status::died) return std::string(to_string(event.status));
    return "died " + std::to_string(event.peer.id) + (event.unfinished ? " unfinished" : "");
  }
  const Received& last() const { return last_; }

  Inbox& inbox() { return *inbox_; }
  std::array<sys::Slot, kSlots>& slots() { return slots_; }

 private:
  std::array<sys::Slot, kSlots> slots_{};
  std::set<std::uint32_t> locked_;
  std::optional<Inbox> inbox_;
  std::uint32_t message_ = 0;
  Received last_{};
};

using Events = std::vector<std::string>;

std::string died(std::uint32_t id) {
  return "died " + std::to_string(id);
}

TEST_CASE("nobody has come: nothing is told, and it is quiet") {
  Scene scene;
  CHECK(scene.told().empty());
  CHECK(scene.inbox().is_quiet());
}

TEST_CASE("a goodbye is told as the end of all, a death before it") {
  Scene scene;
  const auto a = scene.enter(0);
  const auto b = scene.enter(1);
  CHECK(scene.told().empty());
  CHECK_FALSE(scene.inbox().is_quiet());
  CHECK(scene.send(a, "x"));
  scene.leave(1);
  CHECK(scene.told().empty());
  scene.kill(0);
  CHECK(scene.told() == Events{died(a), "closed"});
  CHECK(scene.told().empty());
  CHECK(scene.inbox().is_quiet());
  CHECK(b != a);
}

TEST_CASE("`closed` comes once, and again after the next has come and left") {
  Scene scene;
  for (int round = 0; round < 3; ++round) {
    scene.enter(2);
    scene.leave(2);
    CHECK(scene.told() == Events{"closed"});
    CHECK(scene.told().empty());
  }
}

TEST_CASE("who connects and dies between two looks is told") {
  Scene scene;
  const auto a = scene.enter(0);
  scene.kill(0);
  CHECK(scene.told() == Events{died(a), "closed"});
}

TEST_CASE(
    "of several owners of a slot between two looks those that died are told, by name, in order") {
  Scene scene;
  const auto first = scene.enter(0);
  scene.kill(0);
  const auto second = scene.enter(0);
  scene.leave(0);
  const auto third = scene.enter(0);
  scene.kill(0);
  const auto fourth = scene.enter(0);
  CHECK(scene.told() == Events{died(first), died(third)});
  scene.leave(0);
  CHECK(scene.told() == Events{"closed"});
  CHECK(std::set<std::uint32_t>{first, second, third, fourth}.size() == 4);
}

TEST_CASE("every death is told, even of more owners than a slot can name") {
  Scene scene;
  constexpr std::size_t owners = 100;
  for (std::size_t i = 0; i < owners; ++i) {
    scene.enter(3);
    scene.kill(3);
  }
  const auto events = scene.told();
  CHECK(events.size() == owners + 1);
  CHECK(std::set<std::string>(events.begin(), events.end()).size() == owners + 1);
  CHECK(events.back() == "closed");
}

TEST_CASE("a newcomer that has locked a dead owner's slot and not entered it tells nothing") {
  Scene scene;
  const auto a = scene.enter(0);
  scene.kill(0);
  CHECK(scene.told() == Events{died(a), "closed"});
  scene.lock(0);
  CHECK(scene.told().empty());
  CHECK_FALSE(scene.inbox().is_quiet());
  SUBCASE("it enters") {
    const auto b = scene.enter(0);
    CHECK(scene.told().empty());
    scene.kill(0);
    CHECK(scene.told() == Events{died(b), "closed"});
  }
  SUBCASE("it is killed on the way") {
    scene.kill(0);
    CHECK(scene.told().empty());
    CHECK(scene.inbox().is_quiet());
  }
}

TEST_CASE(
    "a newcomer that is killed between naming its predecessor's end and entering changes nothing") {
  Scene scene;
  const auto a = scene.enter(0);
  scene.kill(0);
  (void)sys::succeed(scene.slots()[0]);  // and no store of the tenure
  CHECK(scene.told() == Events{died(a), "closed"});
  const auto b = scene.enter(0);
  scene.leave(0);
  const auto c = scene.enter(0);
  scene.kill(0);
  CHECK(scene.told() == Events{died(c), "closed"});
  CHECK(b != c);
}

TEST_CASE("while somebody is only connecting, `closed` is not told") {
  Scene scene;
  scene.enter(0);
  scene.lock(1);
  scene.leave(0);
  CHECK(scene.told().empty());
  scene.kill(1);
  CHECK(scene.told() == Events{"closed"});
}

TEST_CASE("who comes after the look holds `closed` back") {
  Scene scene;
  scene.enter(0);
  scene.leave(0);
  scene.inbox().look_soon();
  CHECK(scene.inbox().look());
  scene.enter(1);
  CHECK_FALSE(scene.inbox().settle());
  scene.leave(1);
  CHECK(scene.told() == Events{"closed"});
}

TEST_CASE("an unfinished message is told with the death of the one who had begun it") {
  Scene scene;
  const auto a = scene.enter(0);
  CHECK(scene.send(a, "whole"));
  scene.kill(0);
  const auto b = scene.enter(0);
  CHECK_FALSE(scene.send(b, "beginning", 50));
  scene.kill(0);
  const auto c = scene.enter(0);
  CHECK(scene.send(c, "whole"));
  CHECK(scene.told() == Events{died(a), died(b) + " unfinished"});
  CHECK_FALSE(scene.send(c, "beginning", 50));
  scene.kill(0);
  CHECK(scene.told() == Events{died(c) + " unfinished", "closed"});
}

TEST_CASE("one who gave a message up and said goodbye left nothing unfinished") {
  Scene scene;
  const auto a = scene.enter(0);
  CHECK_FALSE(scene.send(a, "beginning", 50));
  scene.leave(0);
  const auto b = scene.enter(0);
  scene.kill(0);
  CHECK(scene.told() == Events{died(b), "closed"});
}

TEST_CASE("the claimed pid is the owner's, not its successor's") {
  Scene scene;
  const auto a = scene.enter(0, 111);
  CHECK(scene.send(a, "x")->peer.claimed_pid == 111);
  scene.kill(0);
  const auto b = scene.enter(0, 222);
  CHECK(scene.told() == Events{died(a)});
  CHECK(scene.last().peer.claimed_pid == 111);
  scene.kill(0);
  CHECK(scene.told() == Events{died(b), "closed"});

  const auto c = scene.enter(1, 333);
  scene.kill(1);
  scene.enter(1, 444);
  CHECK(scene.send(c, "late")->peer.claimed_pid == std::nullopt);
}

TEST_CASE(
    "a channel that never gets empty is read for as long as it can be old, then ends are told") {
  Scene scene;
  const auto dies = scene.enter(0);
  const auto lives = scene.enter(1);
  CHECK(scene.told().empty());
  scene.kill(0);
  scene.inbox().look_soon();
  CHECK_FALSE(scene.inbox().overdue());
  for (std::uint64_t i = 0; i <= kChannelFrames; ++i) {
    CHECK_FALSE(scene.inbox().overdue());
    CHECK(scene.send(lives, "x"));
  }
  const auto event = scene.inbox().overdue();
  REQUIRE(event);
  CHECK(Scene::describe(*event) == died(dies));
  CHECK_FALSE(scene.inbox().overdue());
}

TEST_CASE("frames of nobody are not plausible") {
  Scene scene;
  const auto a = scene.enter(1);
  CHECK(scene.is_plausible(a));
  CHECK_FALSE(scene.is_plausible(a, 101));      // longer than the receiver takes
  CHECK_FALSE(scene.is_plausible(a + kSlots));  // an owner to come
  CHECK_FALSE(scene.is_plausible(a - kSlots));  // generation 0
  CHECK_FALSE(scene.is_plausible(a + 1));       // a slot without an owner
  CHECK(scene.send(a, "x"));
  scene.kill(1);
  const auto b = scene.enter(1);
  CHECK(scene.is_plausible(a));  // the channel may still hold some
  CHECK(scene.send(b, "x"));
  CHECK_FALSE(scene.is_plausible(a));  // not behind its successor's
}

TEST_CASE("a message counts as taken when the next receive begins") {
  Scene scene;
  const auto a = scene.enter(2);
  const auto& taken = scene.slots()[2].taken;
  for (std::uint32_t i = 1; i <= 3; ++i) {
    CHECK(scene.send(a, "x"));
    CHECK((taken & 0xffffffff) == i - 1);
    scene.inbox().begin();
    CHECK((taken & 0xffffffff) == i);
    CHECK((taken >> 32) == 1);
    scene.inbox().begin();
    CHECK((taken & 0xffffffff) == i);
  }
}

TEST_CASE("the slot's count of deaths may wrap") {
  Scene scene(0xfffffe);
  for (int i = 0; i < 5; ++i) {
    const auto id = scene.enter(0);
    scene.kill(0);
    CHECK(scene.told() == Events{died(id), "closed"});
  }
}

TEST_CASE("a nudge makes the next look due, and is no message") {
  Scene scene;
  (void)scene.inbox().look();
  const auto a = scene.enter(0);
  scene.kill(0);
  CHECK_FALSE(scene.inbox().look());  // the last look was a moment ago
  const wire::Frame nudge{.flags = wire::kNudge};
  REQUIRE(scene.inbox().plausible(nudge));
  CHECK_FALSE(scene.inbox().accept(nudge));
  CHECK(scene.inbox().look());
  const auto event = scene.inbox().settle();
  REQUIRE(event);
  CHECK(event->peer.id == a);
}

}  // namespace
