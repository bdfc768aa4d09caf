// Sentence 7, call by call: senders and receivers that are killed before each system call the library
// makes, and ones for which each of these calls fails.
#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "tests/conformance/disturbed.hpp"
#include "tests/conformance/observers.hpp"
#include "tests/conformance/scripts.hpp"

namespace conformance {
namespace {

struct LongCase : Case {
  LongCase() : Case(120s) {}
};

TEST_CASE_FIXTURE(LongCase, "a sender killed before any of its calls harms nobody and is told") {
  const auto receiver = listen();
  const auto address = receiver->address();
  const auto calls = check_senders(
      *receiver,
      [&](std::uint32_t call) {
        return Child::run([&address, call] {
          KillAt observer(call);
          ipc::sys::observe(&observer);
          send_all(kind(), address, call);
          ipc::sys::observe(nullptr);
          return kUntouched;
        });
      },
      Disturbance::kills);
  MESSAGE("kills at up to " << calls - 1 << " calls");
}

TEST_CASE_FIXTURE(LongCase, "a receiver killed before any of its calls leaves a name that works") {
  const auto calls = check_receivers(
      directory(),
      [](std::uint32_t call, const Listens& listens) {
        KillAt observer(call);
        ipc::sys::observe(&observer);
        receive_some(kind(), kind().traits.named ? "name" : "", listens, Deadline::after(20s));
        ipc::sys::observe(nullptr);
        return kUntouched;
      },
      Disturbance::kills);
  MESSAGE("kills at up to " << calls - 1 << " calls");
}

// The errors that the kernel can give for reasons that are not the caller's. EINTR must change
// nothing; the others may be told, as what they are. The latter three can be mistaken for nothing that
// the former are not mistaken for.
constexpr std::array kErrors{EINTR, EAGAIN, EMFILE, ENOSPC, ENOMEM, EIO};
std::span<const int> errors() {
  return std::span(kErrors).first(test::is_long() ? kErrors.size() : 3);
}

// Runs a script in which one call fails. Whatever becomes of it, no descriptor may be left open.
int misled(std::uint32_t call, int error, const std::function<void()>& script) {
  const auto before = test::open_descriptors();
  FailAt observer(call, error);
  ipc::sys::observe(&observer);
  int result = kUntouched;
  try {
    script();
  } catch (const ipc::Error& thrown) {
    result = kRefused;
    const auto about = std::string(observer.failed() ? observer.failed() : "no call") +
                       " failing with " + std::generic_category().message(error) + ": " +
                       thrown.what();
    expect(error != EINTR, "an interruption was told; " + about);
    // A file that cannot be found looks like nobody's, and a lock that cannot be had like another's.
    const bool means_nobody = thrown.trouble() == ipc::Trouble::no_receiver;
    const bool means_another = error == EAGAIN && thrown.trouble() == ipc::Trouble::in_use;
    expect(thrown.code().value() == error || means_nobody || means_another,
           "another error was told; " + about);
    expect(std::string(thrown.what()).size() > 10, "too little is said; " + about);
  }
  ipc::sys::observe(nullptr);
  expect(test::open_descriptors() == before, std::string("a descriptor is left open after ") +
                                                 (observer.failed() ? observer.failed() : "?"));
  return result;
}

TEST_CASE_FIXTURE(LongCase,
                  "a sender for which any call fails tells it, leaks nothing and harms nobody") {
  for (const int error : errors()) {
    CAPTURE(std::generic_category().message(error));
    const auto receiver = listen();
    const auto address = receiver->address();
    (void)check_senders(
        *receiver,
        [&](std::uint32_t call) {
          return Child::run([&address, call, error] {
            return misled(call, error, [&] { send_all(kind(), address, call); });
          });
        },
        Disturbance::fails);
  }
}

TEST_CASE_FIXTURE(
    LongCase,
    "a receiver for which any call fails tells it, leaks nothing and leaves a name that works") {
  for (const int error : errors()) {
    CAPTURE(std::generic_category().message(error));
    (void)check_receivers(
        directory(),
        [error](std::uint32_t call, const Listens& listens) {
          return misled(call, error, [&] {
            receive_some(kind(), kind().traits.named ? "name" : "", listens, Deadline::after(2s));
          });
        },
        Disturbance::fails);
  }
}

}  // namespace
}  // namespace conformance
