#include "ipc/wire/frame.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/wire/bytes.hpp"

namespace {

using namespace ipc::wire;
using test::append;
using test::Buffer;
using test::bytes_of;
using test::frame_of;

bool anything(const Frame&) {
  return true;
}

// All frames of a stream that arrives in pieces of at most `piece` bytes.
std::vector<std::string> parse(const Buffer& stream, std::size_t piece,
                               std::uint64_t* skipped = nullptr,
                               const std::function<bool(const Frame&)>& plausible = anything,
                               bool found_empty = true) {
  Parser parser(4096, 4072, plausible);
  std::vector<std::string> frames;
  for (std::size_t at = 0; at < stream.size();) {
    const auto room = parser.room();
    REQUIRE_FALSE(room.empty());
    const auto count = std::min({piece, room.size(), stream.size() - at});
    std::memcpy(room.data(), stream.data() + at, count);
    parser.filled(count);
    at += count;
    while (const auto frame = parser.next())
      frames.push_back(
          std::to_string(frame->sender) + ":" +
          std::string(reinterpret_cast<const char*>(frame->payload.data()), frame->payload.size()));
  }
  if (found_empty) parser.found_empty();
  if (skipped) *skipped = parser.skipped();
  return frames;
}

TEST_CASE("a frame is decoded as it was encoded, at the edges of every field") {
  for (const std::uint32_t value : {0u, 1u, 255u, 65536u, 0x7fffffffu, 0xffffffffu}) {
    for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{255}}) {
      const auto payload = bytes_of("payload");
      const Frame frame{value, value ^ 5, 0xffffffff, value < 0xfffffff0 ? value : 0xfffffff0 - 8,
                        flags, payload};
      const auto bytes = frame_of(frame);
      const auto decoded = decode(bytes);
      REQUIRE(decoded);
      CHECK(decoded->sender == frame.sender);
      CHECK(decoded->message == frame.message);
      CHECK(decoded->total == frame.total);
      CHECK(decoded->offset == frame.offset);
      CHECK(decoded->flags == frame.flags);
      CHECK(std::ranges::equal(decoded->payload, payload));
    }
  }
}

TEST_CASE("first and last are told by offset and total") {
  const auto payload = bytes_of("abc");
  const auto whole = decode(frame_of({1, 1, 3, 0, 0, payload}));
  REQUIRE(whole);
  CHECK(whole->is_first());
  CHECK(whole->is_last());
  const auto middle = decode(frame_of({1, 1, 10, 4, 0, payload}));
  REQUIRE(middle);
  CHECK_FALSE(middle->is_first());
  CHECK_FALSE(middle->is_last());
  const auto empty = decode(frame_of({1, 1, 0, 0, 0, {}}));
  REQUIRE(empty);
  CHECK(empty->is_first());
  CHECK(empty->is_last());
}

TEST_CASE("a header with a single bit changed is no frame") {
  const auto bytes = frame_of({77, 3, 7, 0, 0, bytes_of("payload")});
  for (std::size_t bit = 0; bit < kFrameHeader * 8; ++bit) {
    CAPTURE(bit);
    auto changed = bytes;
    changed[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    CHECK_FALSE(decode(changed));
  }
}

TEST_CASE("a frame that is cut anywhere is no frame") {
  const auto bytes = frame_of({77, 3, 7, 0, 0, bytes_of("payload")});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    CHECK_FALSE(decode(std::span(bytes).first(size)));
  CHECK(decode(bytes));
}

TEST_CASE("numbers that contradict each other are no frame, though the check holds") {
  const auto payload = bytes_of("payload");
  CHECK_FALSE(decode(frame_of({1, 1, 6, 0, 0, payload})));           // longer than the whole
  CHECK_FALSE(decode(frame_of({1, 1, 8, 2, 0, payload})));           // beyond its end
  CHECK_FALSE(decode(frame_of({1, 1, 7, 0xffffffff, 0, payload})));  // beyond by overflow
  CHECK_FALSE(decode(frame_of({1, 1, 2, 0xfffffffe, 0, payload})));
}

TEST_CASE("random bytes are no frame") {
  std::mt19937 random(1);
  Buffer bytes(kFrameHeader + 100);
  for (int i = 0; i < 200'000; ++i) {
    for (std::size_t at = 0; at < kFrameHeader; at += 4) {
      const auto word = random();
      std::memcpy(bytes.data() + at, &word, 4);
    }
    REQUIRE_FALSE(decode(bytes));
  }
}

Buffer three_frames() {
  Buffer stream = frame_of({1, 1, 3, 0, 0, bytes_of("one")});
  append(stream, frame_of({2, 1, 0, 0, 0, {}}));
  append(stream, frame_of({3, 9, 5000, 100, 0, bytes_of(std::string(4000, 'x'))}));
  return stream;
}

const std::vector<std::string> kThree{"1:one", "2:", "3:" + std::string(4000, 'x')};

TEST_CASE("frames come out whole however the stream is cut") {
  const auto stream = three_frames();
  for (std::size_t piece = 1; piece <= stream.size(); piece += piece < 60 ? 1 : 97) {
    CAPTURE(piece);
    std::uint64_t skipped = 1;
    CHECK(parse(stream, piece, &skipped) == kThree);
    CHECK(skipped == 0);
  }
}

TEST_CASE("foreign bytes before, between and after frames are skipped and counted") {
  const auto frame = frame_of({1, 1, 3, 0, 0, bytes_of("one")});
  std::mt19937 random(2);
  for (std::size_t size = 1; size < 120; ++size) {
    CAPTURE(size);
    Buffer garbage(size);
    for (auto& byte : garbage) byte = static_cast<std::byte>(random());
    Buffer stream = garbage;
    append(stream, frame);
    append(stream, garbage);
    append(stream, frame);
    append(stream, garbage);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, stream.size()}) {
      std::uint64_t skipped = 0;
      CHECK(parse(stream, piece, &skipped) == std::vector<std::string>{"1:one", "1:one"});
      CHECK(skipped == 3 * size);
    }
  }
}

TEST_CASE("a frame cut short costs itself alone, wherever it is cut") {
  const auto cut = frame_of({7, 1, 40, 0, 0, bytes_of(std::string(40, 'c'))});
  const auto whole = frame_of({1, 1, 3, 0, 0, bytes_of("one")});
  // A header whose payload never came would take the next frames for it, so the parser asks who it
  // is from before it waits; of nobody we know it waits for nothing.
  const auto only_one = [](const Frame& frame) { return frame.sender == 1; };
  for (std::size_t size = 1; size < cut.size(); ++size) {
    CAPTURE(size);
    Buffer stream(cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(size));
    append(stream, whole);
    std::uint64_t skipped = 0;
    CHECK(parse(stream, 5, &skipped, only_one) == std::vector<std::string>{"1:one"});
    CHECK(skipped == size);
  }
}

TEST_CASE("a header that announces more than a frame may hold is not waited for") {
  const std::string huge(5000, 'h');
  Buffer stream = frame_of({1, 1, 5000, 0, 0, bytes_of(huge)});
  stream.resize(kFrameHeader);
  append(stream, frame_of({1, 2, 3, 0, 0, bytes_of("one")}));
  std::uint64_t skipped = 0;
  CHECK(parse(stream, 3, &skipped) == std::vector<std::string>{"1:one"});
  CHECK(skipped == kFrameHeader);
}

TEST_CASE("what is left when the channel is empty is no frame, and does not spoil the next") {
  Parser parser(4096, 4072, anything);
  const auto put = [&](const Buffer& bytes) {
    const auto room = parser.room();
    REQUIRE(room.size() >= bytes.size());
    std::memcpy(room.data(), bytes.data(), bytes.size());
    parser.filled(bytes.size());
  };
  auto cut = frame_of({1, 1, 100, 0, 0, bytes_of(std::string(100, 'c'))});
  cut.resize(60);
  put(cut);
  CHECK_FALSE(parser.next());
  parser.found_empty();
  CHECK(parser.skipped() == 60);
  put(frame_of({1, 2, 3, 0, 0, bytes_of("one")}));
  const auto frame = parser.next();
  REQUIRE(frame);
  CHECK(frame->message == 2);
  CHECK_FALSE(parser.next());
}

TEST_CASE("the parser's room holds the longest frame behind any remainder") {
  Parser parser(100, 4072, anything);
  const auto longest = frame_of({1, 1, 4072, 0, 0, bytes_of(std::string(4072, 'l'))});
  Buffer stream;
  for (int i = 0; i < 20; ++i) append(stream, longest);
  std::size_t frames = 0;
  for (std::size_t at = 0; at < stream.size();) {
    const auto room = parser.room();
    REQUIRE_FALSE(room.empty());
    const auto count = std::min(room.size(), stream.size() - at);
    std::memcpy(room.data(), stream.data() + at, count);
    parser.filled(count);
    at += count;
    while (parser.next()) ++frames;
  }
  CHECK(frames == 20);
  CHECK(parser.skipped() == 0);
}

}  // namespace
