// Where records lie in a lane, and what becomes of bytes that are none.
#include "ipc/wire/ring.hpp"

#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using namespace ipc;
using wire::RecordType;

constexpr std::size_t kSize = 1 << 16;

// In ordinary memory, its second copy included, at a line.
struct Lane {
  wire::Lane control{};
  std::vector<std::byte> room = std::vector<std::byte>(2 * kSize + wire::kLine);
  std::byte* memory =
      room.data() +
      (wire::kLine - reinterpret_cast<std::uintptr_t>(room.data()) % wire::kLine) % wire::kLine;
  wire::Producer<> producer{control, memory, kSize};
  wire::Consumer<> consumer{control, memory, kSize};

  bool put(RecordType type, std::size_t reserved, std::size_t used, std::size_t limit = kSize) {
    std::byte* bytes = producer.reserve(type, reserved, limit);
    if (!bytes) return false;
    std::memset(bytes, static_cast<int>('a' + used % 26), used);
    producer.finish(7, used);
    producer.publish();
    return true;
  }
  void scribble(std::uint64_t position, std::uint32_t word) const {
    std::memcpy(memory + (position & (kSize - 1)), &word, sizeof word);
  }
};

bool at_line(const void* where) {
  return reinterpret_cast<std::uintptr_t>(where) % wire::kLine == 0;
}

TEST_CASE("records begin at lines, and the bytes of those longer than one do") {
  for (const auto type : {RecordType::message, RecordType::chunk, RecordType::numbered})
    for (const std::size_t size :
         {0u, 1u, 40u, 41u, 44u, 45u, 56u, 57u, 64u, 65u, 1024u, 16'000u}) {
      CAPTURE(static_cast<int>(type));
      CAPTURE(size);
      Lane lane;
      REQUIRE(lane.put(type, size, size));
      const auto record = lane.consumer.next();
      REQUIRE(record);
      CHECK(record->sender == 7);
      CHECK(record->type == type);
      REQUIRE(record->bytes.size() == size);
      const std::string text(reinterpret_cast<const char*>(record->bytes.data()), size);
      CHECK(text == std::string(size, static_cast<char>('a' + size % 26)));
      CHECK(record->preface == lane.memory + wire::kRecordHeader);
      CHECK(record->bytes.data() >= record->preface + wire::preface_size(type));
      CHECK(record->size % wire::kLine == 0);
      CHECK(record->bytes.data() + size <= lane.memory + record->size);
      if (record->size > wire::kLine) CHECK(at_line(record->bytes.data()));
      lane.consumer.release(record->size);
      CHECK(lane.consumer.is_empty());
      CHECK(lane.consumer.position() == lane.producer.position());
    }
}

TEST_CASE("less may be used than was reserved") {
  Lane lane;
  for (const std::size_t used : {0u, 1u, 56u, 57u, 999u, 1000u}) {
    REQUIRE(lane.put(RecordType::message, 1000, used));
    const auto record = lane.consumer.next();
    REQUIRE(record);
    CHECK(record->bytes.size() == used);
    CHECK(record->size < used + 2 * wire::kLine);
    lane.consumer.release(record->size);
  }
}

TEST_CASE("records run over the end of the lane") {
  Lane lane;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(lane.put(RecordType::message, 5000, 5000));
    // The second copy, which a mapping would show by itself.
    std::memcpy(lane.memory + kSize, lane.memory, kSize);
    const auto record = lane.consumer.next();
    REQUIRE(record);
    CHECK(record->bytes.size() == 5000);
    lane.consumer.release(record->size);
    std::memcpy(lane.memory, lane.memory + kSize, kSize);
  }
}

TEST_CASE("more than the limit goes in only alone") {
  Lane lane;
  CHECK(lane.producer.reserve(RecordType::message, 50'000, 1000) != nullptr);  // nothing is unread
  REQUIRE(lane.put(RecordType::message, 100, 100));
  CHECK(lane.producer.reserve(RecordType::message, 700, 1000) != nullptr);
  CHECK(lane.producer.reserve(RecordType::message, 800, 1000) == nullptr);
  CHECK(lane.producer.reserve(RecordType::message, 50'000, 1000) == nullptr);
  lane.consumer.release(lane.consumer.next()->size);
  CHECK(lane.producer.reserve(RecordType::message, 50'000, 1000) != nullptr);
}

TEST_CASE("bytes that are no record are passed by, counted, and cost nothing that comes later") {
  Lane lane;
  SUBCASE("a header longer than what is published") {
    REQUIRE(lane.put(RecordType::message, 100, 100));
    for (const std::uint32_t word : {0x8000'0fffu, 0x0fff'ffffu, 0xffff'ffffu}) {
      lane.scribble(lane.consumer.position(), word);
      const auto skipped = lane.consumer.skipped();
      CHECK(!lane.consumer.next());
      CHECK(lane.consumer.skipped() > skipped);
      REQUIRE(lane.put(RecordType::message, 100, 100));
    }
  }
  SUBCASE("a head that nobody can have written") {
    for (const std::uint64_t head :
         {std::uint64_t{1}, std::uint64_t{63}, std::uint64_t{kSize} + 64, ~std::uint64_t{0}}) {
      Lane other;
      other.control.head.store(head);
      CHECK(!other.consumer.next());
      CHECK(other.consumer.skipped() > 0);
      CHECK(other.consumer.is_empty());
    }
    REQUIRE(lane.put(RecordType::message, 100, 100));
  }
  const auto record = lane.consumer.next();
  REQUIRE(record);
  CHECK(record->bytes.size() == 100);
}

}  // namespace
