// A bare address is a name in the file system that anybody may have: what is not ours stays.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "ipc/sys/fd.hpp"
#include "tests/kinds/one_of.hpp"
#include "tests/support/guard.hpp"
#include "tests/support/kernel.hpp"

namespace {

namespace fs = std::filesystem;

// All that make their object under the address itself.
const ipc::Kind& each_kind() {
  using namespace ipc::kinds;
  return test::one_of({&fifo, &dgram, &seqpacket, &stream});
}

void write_to(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  REQUIRE(file.good());
}

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void make_socket(const std::string& path) {
  const ipc::sys::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

ino_t inode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::lstat(path.c_str(), &about) == 0);
  return about.st_ino;
}

TEST_CASE_FIXTURE(test::Guard, "bare: a receiver that is refused its name leaves what has it") {
  const auto& kind = each_kind();
  const auto path = directory() + "/taken";
  const std::vector<std::string> only_this{"taken"};

  write_to(path, "precious");
  CHECK_THROWS_AS((void)kind.listen("taken", {.bare = true}), ipc::Error);
  CHECK(entries() == only_this);
  CHECK(content_of(path) == "precious");
  fs::remove(path);

  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto fifo = inode_of(path);
  CHECK_THROWS_AS((void)kind.listen("taken", {.bare = true}), ipc::Error);
  CHECK(entries() == only_this);
  CHECK(inode_of(path) == fifo);
  fs::remove(path);

  make_socket(path);
  const auto socket = inode_of(path);
  CHECK_THROWS_AS((void)kind.listen("taken", {.bare = true}), ipc::Error);
  CHECK(entries() == only_this);
  CHECK(inode_of(path) == socket);
  fs::remove(path);
}

TEST_CASE_FIXTURE(test::Guard, "bare: a file that has taken the name meanwhile outlives the end") {
  const auto& kind = each_kind();
  const auto path = directory() + "/taken";
  auto receiver = kind.listen("taken", {.bare = true});
  fs::remove(path);
  write_to(path, "precious");
  receiver.reset();
  CHECK(entries() == std::vector<std::string>{"taken"});
  CHECK(content_of(path) == "precious");
  fs::remove(path);
}

TEST_CASE_FIXTURE(test::Guard, "bare: what could be made only half is gone, and can be made anew") {
  const auto& kind = each_kind();
  {
    const test::Kernel kernel(test::failing("exactly this mode, whatever the umask", EPERM));
    CHECK_THROWS_AS((void)kind.listen("half", {.bare = true}), ipc::Error);
    CHECK(entries().empty());
  }
  if (&kind == &ipc::kinds::seqpacket || &kind == &ipc::kinds::stream) {
    const test::Kernel kernel(test::failing("from now on senders can connect", EPERM));
    CHECK_THROWS_AS((void)kind.listen("half", {.bare = true}), ipc::Error);
    CHECK(entries().empty());
  }
  CHECK_NOTHROW((void)kind.listen("half", {.bare = true}));
  CHECK(entries().empty());
}

}  // namespace
