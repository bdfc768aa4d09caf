#include "tools/cli/input.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include <doctest/doctest.h>

#include "ipc/sys/error.hpp"

using tools::Cut;
using tools::Input;

namespace {

// What has been cut out of `text`, as if it were stdin.
std::vector<std::string> pieces(const std::string& text, Cut cut, std::size_t limit = 1000) {
  const int fd = ::memfd_create("stdin", MFD_CLOEXEC);
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::lseek(fd, 0, SEEK_SET);
  struct Closed {
    int fd;
    ~Closed() { ::close(fd); }
  } closed{fd};
  Input input(fd, cut, limit);
  std::vector<std::string> all;
  while (const auto piece = input.next()) all.emplace_back(*piece);
  return all;
}

using Pieces = std::vector<std::string>;

}  // namespace

TEST_CASE("lines lose their newline, and the last one needs none") {
  CHECK(pieces("1\n\n22\n", {Cut::At::line}) == Pieces{"1", "", "22"});
  CHECK(pieces("1\n22", {Cut::At::line}) == Pieces{"1", "22"});
  CHECK(pieces("", {Cut::At::line}).empty());
  CHECK(pieces("\n", {Cut::At::line}) == Pieces{""});
}

TEST_CASE("NUL bytes cut where newlines are part of a message") {
  CHECK(pieces(std::string("a\nb\0\0c", 6), {Cut::At::nul}) == Pieces{"a\nb", "", "c"});
}

TEST_CASE("chunks are equally long but for the last") {
  CHECK(pieces("12345", {Cut::At::chunk, 2}) == Pieces{"12", "34", "5"});
  CHECK(pieces("1234", {Cut::At::chunk, 2}) == Pieces{"12", "34"});
  CHECK(pieces("", {Cut::At::chunk, 2}).empty());
}

TEST_CASE("the whole is one message, be it empty") {
  CHECK(pieces("1\n2\n", {Cut::At::end}) == Pieces{"1\n2\n"});
  CHECK(pieces("", {Cut::At::end}) == Pieces{""});
}

TEST_CASE("a message may be as long as the limit and not a byte longer") {
  const std::string fits(200000, 'x');
  for (const auto at : {Cut::At::line, Cut::At::nul, Cut::At::end}) {
    CHECK(pieces(fits, {at}, fits.size()) == Pieces{fits});
    CHECK_THROWS_AS((void)pieces(fits + "x", {at}, fits.size()), ipc::Error);
  }
  CHECK_THROWS_AS((void)pieces("123", {Cut::At::chunk, 3}, 2), ipc::Error);
  CHECK(pieces(fits + "\n" + fits + "\n", {Cut::At::line}, fits.size()) == Pieces{fits, fits});
}

TEST_CASE("a descriptor that cannot be read is an error and no end") {
  Input input(-1, {Cut::At::line}, 10);
  CHECK_THROWS_AS((void)input.next(), ipc::Error);
}
