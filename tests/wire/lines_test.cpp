#include "ipc/wire/lines.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using ipc::wire::Lines;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The lines of a stream that arrives in pieces, the rest at its end included.
std::vector<std::string> lines_of(Lines& lines, const std::string& stream, std::size_t piece) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < stream.size();) {
    const auto room = lines.room();
    REQUIRE_FALSE(room.empty());
    const auto count = std::min({piece, room.size(), stream.size() - at});
    std::memcpy(room.data(), stream.data() + at, count);
    lines.filled(count);
    at += count;
    while (const auto line = lines.next()) all.push_back(text_of(*line));
  }
  if (const auto rest = lines.rest()) all.push_back(text_of(*rest));
  return all;
}

TEST_CASE("lines come out the same however the stream is cut") {
  const std::string stream =
      std::string("one\n\ntwo\r\nwith \0 NUL\n", 21) + std::string(300, 'x') + "\nrest";
  const std::vector<std::string> wanted{
      "one", "", "two\r", std::string("with \0 NUL", 10), std::string(300, 'x'), "rest"};
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    CAPTURE(piece);
    Lines lines(1000);
    CHECK(lines_of(lines, stream, piece) == wanted);
    CHECK(lines.skipped() == 0);
  }
}

TEST_CASE("a stream that ends with a newline has no further line") {
  Lines lines(100);
  CHECK(lines_of(lines, "one\n", 100) == std::vector<std::string>{"one"});
  CHECK(lines_of(lines, "", 100).empty());
  CHECK(lines_of(lines, "\n", 100) == std::vector<std::string>{""});
}

TEST_CASE("a line that is too long is skipped whole and counted, and the next is delivered") {
  // The buffer grows by 64 KiB, so that the cut falls into the line in different ways.
  for (const std::size_t size : {11u, 100u, 65'535u, 65'536u, 65'537u, 200'000u}) {
    for (const std::size_t piece :
         {std::size_t{1000}, std::size_t{65'536}, std::size_t{1'000'000}}) {
      CAPTURE(size);
      CAPTURE(piece);
      Lines lines(10);
      const auto stream = "before\n" + std::string(size, 'x') + "\n0123456789\nafter\n";
      CHECK(lines_of(lines, stream, piece) ==
            std::vector<std::string>{"before", "0123456789", "after"});
      CHECK(lines.skipped() == size + 1);
    }
  }
}

TEST_CASE("a last line that is too long is skipped as well") {
  Lines lines(10);
  CHECK(lines_of(lines, "ok\n" + std::string(200'000, 'x'), 4096) ==
        std::vector<std::string>{"ok"});
  CHECK(lines.skipped() == 200'000);
  CHECK(lines_of(lines, "next\n", 4096) == std::vector<std::string>{"next"});
}

}  // namespace
