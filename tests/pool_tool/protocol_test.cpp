// What pool and its workers say to each other.
#include "tools/pool_tool/protocol.hpp"

#include <doctest/doctest.h>

using pool_tool::read_pid;
using pool_tool::read_problem;

TEST_CASE("a hello's pid is read as it was written, and nothing else is one") {
  CHECK(read_pid(pool_tool::about_pid(4711)) == 4711);
  CHECK_FALSE(read_pid({}));
  CHECK_FALSE(read_pid({{"pid", "4711"}}));
  CHECK_FALSE(read_pid({{"pid", 0}}));
  CHECK_FALSE(read_pid({{"pid", -1}}));
  CHECK_FALSE(read_pid({{"pid", 1.5}}));
  CHECK_FALSE(read_pid({{"pid", 1LL << 40}}));
}

TEST_CASE("a result has a problem, has none, or is not well-formed") {
  CHECK(read_problem(pool_tool::about_problem("the command exited with 1")) ==
        "the command exited with 1");
  CHECK(read_problem({}) == "");
  CHECK_FALSE(read_problem({{"problem", ""}}));
  CHECK_FALSE(read_problem({{"problem", 1}}));
  CHECK_FALSE(read_problem({{"problem", std::string(5000, 'x')}}));
}

TEST_CASE("a problem of any bytes and any length fits into a header") {
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += static_cast<char>(i);
  pool::Envelope envelope;
  envelope.type = pool::Type::result;
  envelope.run = 1;
  envelope.slot = envelope.generation = envelope.attempt = 1;
  envelope.task = 1;
  envelope.about = pool_tool::about_problem(bytes);
  const auto message = pool::encode(envelope);
  const auto decoded = pool::decode(message);
  REQUIRE(decoded);
  CHECK(read_problem(decoded.envelope->about)->size() == 4096);
}

TEST_CASE("the longest body fits into a message with its header") {
  CHECK(pool_tool::max_body(ipc::kMaxMessage) + pool::max_header < ipc::kMaxMessage);
  CHECK(pool_tool::max_body(100) == 0);
}

TEST_CASE("a worker's command line names its ends, and the command comes last") {
  pool_tool::WorkerOptions options;
  options.transport = "pipe";
  options.run = 0x9f86d081884c7d65;
  options.slot = 2;
  options.generation = 3;
  options.lifeline_fd = 3;
  options.inbox_fd = 4;
  options.master_fd = 5;
  options.time_limit = std::chrono::microseconds(1500);
  options.command = {"/bin/cat", "--", "-"};
  CHECK(pool_tool::worker_arguments(options) ==
        std::vector<std::string>{"--transport=pipe", "--run=9f86d081884c7d65", "--slot=2",
                                 "--generation=3", "--inbox-fd=4", "--master-fd=5",
                                 "--lifeline-fd=3", "--timeout=2ms", "--", "/bin/cat", "--", "-"});
}
