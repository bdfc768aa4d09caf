#include "tools/pool/envelope.hpp"

#include <random>
#include <string>

#include <doctest/doctest.h>

namespace {

std::string problem_of(std::string_view message) {
  const auto decoded = pool::decode(pool::as_bytes(message));
  return decoded ? "" : decoded.problem;
}

const std::string task_line =
    R"({"v":1,"run":"9f86d081884c7d65","type":"task","slot":2,"generation":1,"task":17,"attempt":3})";

}  // namespace

TEST_CASE("an envelope comes back as it was sent, with any bytes as its body") {
  pool::Envelope sent;
  sent.type = pool::Type::result;
  sent.run = 0x0123456789abcdef;
  sent.slot = 4294967295;
  sent.generation = 1;
  sent.task = 18446744073709551615U;
  sent.attempt = 7;
  sent.about = {{"title", "line\nbreak \"quoted\""}, {"http_status", 200}};
  const std::string body("\0\n{not json\xff", 12);
  sent.body = pool::as_bytes(body);

  const auto message = pool::encode(sent);
  const auto decoded = pool::decode(message);
  REQUIRE_MESSAGE(decoded, decoded.problem);
  const auto& got = *decoded.envelope;
  CHECK(got.type == sent.type);
  CHECK(got.run == sent.run);
  CHECK(got.slot == sent.slot);
  CHECK(got.generation == sent.generation);
  CHECK(got.task == sent.task);
  CHECK(got.attempt == sent.attempt);
  CHECK(got.about == sent.about);
  CHECK(pool::as_text(got.body) == body);
}

TEST_CASE("a task is one readable line and the work itself") {
  pool::Envelope task;
  task.type = pool::Type::task;
  task.run = *pool::parse_run("9f86d081884c7d65");
  task.slot = 2;
  task.generation = 1;
  task.task = 17;
  task.attempt = 3;
  task.body = pool::as_bytes("http://example.org/");
  CHECK(pool::as_text(pool::encode(task)) == task_line + "\nhttp://example.org/");
}

TEST_CASE("a hello may leave its slot out, nothing else may") {
  CHECK(problem_of("{\"v\":1,\"run\":\"9f86d081884c7d65\",\"type\":\"hello\"}\n") == "");
  CHECK(problem_of("{\"v\":1,\"run\":\"9f86d081884c7d65\",\"type\":\"pong\"}\n") ==
        "slot is not a number from 1");
  CHECK(problem_of("{\"v\":1,\"run\":\"9f86d081884c7d65\",\"type\":\"hello\",\"slot\":3}\n") ==
        "generation is not a number from 1");
}

TEST_CASE("every field is checked") {
  CHECK(problem_of(task_line + "\n") == "");
  const auto with = [](std::string from, std::string to) {
    std::string line = task_line;
    const auto at = line.find(from);
    REQUIRE(at != std::string::npos);
    return problem_of(line.replace(at, from.size(), to) + "\n");
  };
  CHECK(with("\"v\":1", "\"v\":2") == "v is not 1");
  CHECK(with("\"v\":1,", "") == "v is not 1");
  CHECK(with("9f86", "9F86") == "run is not 16 hexadecimal digits");
  CHECK(with("9f86", "") == "run is not 16 hexadecimal digits");
  CHECK(with("\"9f86d081884c7d65\"", "5") == "run is not 16 hexadecimal digits");
  CHECK(with("\"task\",", "\"tusk\",") == "type is unknown");
  CHECK(with("\"slot\":2", "\"slot\":0") == "slot is not a number from 1");
  CHECK(with("\"slot\":2", "\"slot\":-2") == "slot is not a number from 1");
  CHECK(with("\"slot\":2", "\"slot\":2.5") == "slot is not a number from 1");
  CHECK(with("\"slot\":2", "\"slot\":4294967296") == "slot is not a number from 1");
  CHECK(with("\"slot\":2", "\"slot\":\"2\"") == "slot is not a number from 1");
  CHECK(with("\"generation\":1", "\"generation\":null") == "generation is not a number from 1");
  CHECK(with("\"task\":17", "\"task\":0") == "task is not a number from 1");
  CHECK(with("\"attempt\":3", "\"attempt\":[3]") == "attempt is not a number from 1");
  CHECK(with("\"attempt\":3", "\"attempt\":3,\"about\":7") == "about is not a JSON object");
  CHECK(with("\"attempt\":3", "\"attempt\":3,\"of\":\"another version\"") == "");
}

TEST_CASE("what is not a header line is refused, whatever it is") {
  CHECK(problem_of("") == "no header line in the first 0 bytes");
  CHECK(problem_of(task_line) ==
        "no header line in the first " + std::to_string(task_line.size()) + " bytes");
  CHECK(problem_of("[]\n") == "the header is not a JSON object");
  CHECK(problem_of("\n").rfind("the header is not JSON: ", 0) == 0);
  CHECK(problem_of("{\"v\":1,\n").rfind("the header is not JSON: ", 0) == 0);
  CHECK(problem_of(std::string(pool::max_header + 1, ' ') + "{}\n").rfind("no header line", 0) ==
        0);
  // Deep nesting costs the reader stack.
  CHECK(problem_of(std::string(20'000, '[') + "\n").rfind("the header is not JSON: ", 0) == 0);
}

TEST_CASE("bytes changed at random never do more than be refused") {
  std::mt19937 random(20261121);
  unsigned refused = 0;
  for (int round = 0; round != 20'000; ++round) {
    std::string message = task_line + "\nhttp://example.org/";
    for (int change = 0; change != 3; ++change)
      message[random() % message.size()] = static_cast<char>(random());
    const auto decoded = pool::decode(pool::as_bytes(message));
    if (!decoded) {
      ++refused;
      CHECK(!decoded.problem.empty());
    } else {
      CHECK(decoded.envelope->slot != 0);
    }
  }
  CHECK(refused > 15'000);
}

TEST_CASE("a header that would be too long is not sent") {
  pool::Envelope envelope;
  envelope.slot = envelope.generation = 1;
  envelope.about["filler"] = std::string(pool::max_header, 'x');
  CHECK_THROWS_AS((void)pool::encode(envelope), std::length_error);
}

TEST_CASE("run ids are random and survive being written") {
  const auto run = pool::random_run();
  CHECK(pool::parse_run(pool::to_text(run)) == run);
  CHECK(run != pool::random_run());
  CHECK(pool::to_text(0xab) == "00000000000000ab");
  CHECK_FALSE(pool::parse_run("00000000000000a"));
  CHECK_FALSE(pool::parse_run("00000000000000ab0"));
  CHECK_FALSE(pool::parse_run("00000000000000 b"));
}
