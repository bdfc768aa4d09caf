#include "tests/crawler/worker_under_test.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <utility>

#include <doctest/doctest.h>

namespace support {
namespace {

using ipc::sys::Fd;

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

WorkerUnderTest::WorkerUnderTest(const ipc::Kind& kind, const crawler::Limits& limits, bool by_hand)
    : kind_(kind),
      inbox_(kind.listen(kind.traits.named ? "master-" + std::string(kind.name) : "")) {
  options_.transport = kind.name;
  options_.run = pool::random_run();
  options_.limits = limits;
  pool::Command command{CRAWLER_WORKER_PROGRAM};
  const auto inherit = [&command](const Fd& fd) {
    command.descriptors.push_back(fd.get());
    return static_cast<int>(command.descriptors.size()) + 2;  // they become 3, 4, ...
  };
  Pipe lifeline = make_pipe();
  Pipe tasks;
  Fd answers;
  if (!by_hand) {
    options_.slot = 2;
    options_.generation = 7;
    options_.lifeline_fd = inherit(lifeline.read_end);
    lifeline_ = std::move(lifeline.write_end);
  }
  if (kind.traits.named) {
    options_.master = inbox_->address();
    if (!by_hand) options_.inbox = "worker";
  } else {
    tasks = make_pipe();
    answers = Fd(::open(inbox_->address().c_str(), O_WRONLY | O_CLOEXEC));
    REQUIRE(answers.is_open());
    options_.inbox_fd = inherit(tasks.read_end);
    options_.master_fd = inherit(answers);
    tasks_ = std::move(tasks.write_end);
  }
  command.arguments = crawler::worker_arguments(options_);
  child_ = std::make_unique<pool::Child>(pool::launch(command));
}

WorkerUnderTest::~WorkerUnderTest() {
  worker_.reset();
  if (is_reaped_) return;
  child_->signal(SIGKILL);
  wait(std::chrono::seconds(10));
  if (!address_.empty()) kind_.remove(address_);  // empty if it never said hello
}

crawler::Hello WorkerUnderTest::meet() {
  const std::optional<Answer> answer = receive_any(std::chrono::seconds(10));
  REQUIRE(answer);
  CHECK(answer->envelope.type == pool::Type::hello);
  CHECK(answer->envelope.slot == options_.slot);
  CHECK(answer->envelope.generation == options_.generation);
  auto hello = crawler::read_hello(answer->envelope.about);
  REQUIRE_MESSAGE(hello, hello.problem);
  address_ = hello.value->inbox;
  ipc::Options how;
  if (tasks_.is_open()) how.fd = tasks_.get();
  worker_ = kind_.connect(address_, how);
  return *hello.value;
}

pool::Envelope WorkerUnderTest::envelope(pool::Type type) const {
  pool::Envelope envelope;
  envelope.type = type;
  envelope.run = options_.run;
  envelope.slot = 2;
  envelope.generation = 7;
  return envelope;
}

void WorkerUnderTest::send_raw(ipc::Bytes message) {
  REQUIRE(worker_->send(message, ipc::Deadline::after(std::chrono::seconds(10))) ==
          ipc::Status::ok);
}

void WorkerUnderTest::send(const pool::Envelope& envelope) {
  send_raw(pool::encode(envelope));
}

void WorkerUnderTest::send_task(std::uint64_t task, const std::string& url, std::uint32_t attempt) {
  pool::Envelope envelope = this->envelope(pool::Type::task);
  envelope.task = task;
  envelope.attempt = attempt;
  envelope.body = pool::as_bytes(url);
  send(envelope);
}

std::optional<Answer> WorkerUnderTest::receive(std::chrono::milliseconds patience) {
  for (;;) {
    std::optional<Answer> answer = receive_any(patience);
    if (!answer || answer->envelope.type != pool::Type::pong) return answer;
  }
}

bool WorkerUnderTest::answers_ping() {
  send(envelope(pool::Type::ping));
  for (;;) {
    const std::optional<Answer> answer = receive_any(std::chrono::seconds(5));
    if (!answer) return false;
    if (answer->envelope.type == pool::Type::pong) return true;
  }
}

std::optional<Answer> WorkerUnderTest::receive_any(std::chrono::milliseconds patience) {
  const ipc::Received received = inbox_->receive(ipc::Deadline::after(patience));
  if (!received) return std::nullopt;
  const pool::Decoded decoded = pool::decode(received.message);
  REQUIRE_MESSAGE(decoded, decoded.problem);
  CHECK(decoded.envelope->run == options_.run);
  Answer answer{*decoded.envelope, std::string(pool::as_text(decoded.envelope->body))};
  answer.envelope.body = {};
  return answer;
}

std::optional<pool::Exit> WorkerUnderTest::wait(std::chrono::milliseconds patience) {
  pollfd ended{child_->pidfd(), POLLIN, 0};
  if (::poll(&ended, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
  is_reaped_ = true;
  return child_->reap();
}

crawler::Page page_in(const Answer& answer) {
  CHECK(answer.envelope.type == pool::Type::result);
  auto page = crawler::read_page(answer.envelope.about, pool::as_bytes(answer.body));
  REQUIRE_MESSAGE(page, page.problem);
  return *page.value;
}

}  // namespace support
