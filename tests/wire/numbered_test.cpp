// Records with checks, and the check itself.
#include "ipc/wire/numbered.hpp"

#include <array>
#include <cstring>
#include <set>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/wire/check.hpp"

namespace {

using namespace ipc;

std::vector<std::byte> pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 256);
  return bytes;
}

TEST_CASE("every bit and every length changes the check") {
  for (const std::size_t size : {1u, 7u, 8u, 31u, 32u, 33u, 100u, 4096u}) {
    CAPTURE(size);
    auto bytes = pattern(size);
    const auto whole = wire::check_of(bytes);
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << bit % 8;
      const auto changed = wire::check_of(bytes);
      REQUIRE(changed != whole);
      const bool half_changed = static_cast<std::uint32_t>(changed ^ whole) != 0;
      REQUIRE(half_changed);  // a record keeps half of it
      bytes[bit / 8] ^= std::byte{1} << bit % 8;
    }
  }
  std::set<std::uint64_t> of_zeros;
  const std::vector<std::byte> zeros(10'000);
  for (std::size_t size = 0; size <= zeros.size(); ++size)
    of_zeros.insert(wire::check_of(std::span(zeros).first(size)));
  CHECK(of_zeros.size() == zeros.size() + 1);
}

TEST_CASE("differences in the same bit of two words do not cancel") {
  auto bytes = pattern(256);
  const auto before = wire::check_of(bytes);
  for (std::size_t bit = 0; bit < 64; ++bit)
    for (std::size_t i = 0; i < 32; ++i)
      for (std::size_t j = 0; j < i; ++j) {
        const auto flip = [&](std::size_t word) {
          bytes[8 * word + bit / 8] ^= std::byte{1} << bit % 8;
        };
        flip(i);
        flip(j);
        const bool changed =
            static_cast<std::uint32_t>(wire::check_of(bytes)) != static_cast<std::uint32_t>(before);
        REQUIRE(changed);
        flip(i);
        flip(j);
      }
}

TEST_CASE("exchanged words change the check") {
  auto bytes = pattern(256);
  const auto before = wire::check_of(bytes);
  for (std::size_t i = 0; i < 32; ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const auto swap = [&] {
        for (std::size_t k = 0; k < 8; ++k) std::swap(bytes[8 * i + k], bytes[8 * j + k]);
      };
      swap();
      CHECK(wire::check_of(bytes) != before);
      swap();
    }
}

// A lane of two megabytes in ordinary memory, its second copy included.
struct Lane {
  wire::Lane control{};
  std::vector<std::byte> memory = std::vector<std::byte>(2 << 20);
  wire::Producer<> producer{control, memory.data(), 1 << 20};

  void put(std::uint32_t message, std::size_t size) {
    std::byte* room = producer.reserve(wire::RecordType::numbered, size, 1 << 20);
    REQUIRE(room != nullptr);
    const auto bytes = pattern(size);
    if (size != 0) std::memcpy(room, bytes.data(), size);
    wire::number(producer, 77, message, size);
    producer.finish(77, size);
    producer.publish();
  }
};

TEST_CASE("a numbered record says which message it is, and checks") {
  for (const std::size_t size : {0u, 1u, 8u, 40u, 41u, 100u, 70'000u}) {
    CAPTURE(size);
    Lane lane;
    lane.put(5, size);
    wire::Consumer<> consumer(lane.control, lane.memory.data(), 1 << 20);
    const auto record = consumer.next();
    REQUIRE(record);
    CHECK(record->sender == 77);
    CHECK(record->type == wire::RecordType::numbered);
    CHECK(wire::numbered(*record).message == 5);
    const auto expected = pattern(size);
    CHECK(std::vector<std::byte>(record->bytes.begin(), record->bytes.end()) == expected);
    const auto length = lane.producer.position();
    CHECK(wire::checked_record(lane.memory.data(), length, 0) == length);
    CHECK(wire::checked_record(lane.memory.data(), length - 1, 0) == 0);
    CHECK(wire::checked_record(lane.memory.data(), length, 1 << 20) == 0);  // of another lap
    const auto begin = static_cast<std::size_t>(record->bytes.data() - lane.memory.data());
    for (std::size_t i = 0; i < begin + size; ++i) {
      if (i >= 24 && i < begin) continue;  // nothing is there
      lane.memory[i] ^= std::byte{0x10};
      REQUIRE(wire::checked_record(lane.memory.data(), length, 0) == 0);
      lane.memory[i] ^= std::byte{0x10};
    }
  }
}

TEST_CASE("zeros and arbitrary bytes are no record that checks") {
  std::vector<std::byte> bytes(1 << 16);
  for (std::size_t at = 0; at + 64 <= bytes.size(); at += 8)
    CHECK(wire::checked_record(bytes.data() + at, bytes.size() - at, at) == 0);
  std::uint64_t state = 1;
  for (auto& byte : bytes)
    byte = static_cast<std::byte>((state = state * 6364136223846793005u + 1) >> 56);
  for (std::size_t at = 0; at + 64 <= bytes.size(); at += 8)
    CHECK(wire::checked_record(bytes.data() + at, bytes.size() - at, at) == 0);
}

}  // namespace
