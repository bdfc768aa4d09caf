#include "ipc/bare/signals.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

#include "ipc/sys/signal.hpp"
#include "ipc/sys/wait.hpp"

namespace ipc::bare {
namespace {

// There is no event for "the queue of that user has room again".
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr std::size_t kLongestNumber = 11;  // of -2147483648

int parse(std::string_view text, const char* what) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size())
    throw Error(Trouble::invalid, EINVAL,
                std::string(what) + " \"" + std::string(text) + "\" is no number");
  return number;
}

int checked(int number) {
  if (number >= 1 && number <= SIGRTMAX) return number;
  throw Error(
      Trouble::invalid, EINVAL,
      "signal " + std::to_string(number) + ": they go from 1 to " + std::to_string(SIGRTMAX));
}

}  // namespace

SignalReceiver::SignalReceiver(const std::string& address, std::optional<int> only)
    : Receiver(std::to_string(::getpid())) {
  if (!address.empty() && address != this->address())
    throw Error(Trouble::invalid, EINVAL,
                "address " + address +
                    ": a bare receiver of signals has its own pid for an "
                    "address, here " +
                    this->address());
  ::sigemptyset(&set_);
  if (only) {
    ::sigaddset(&set_, checked(*only));
  } else {
    ::sigaddset(&set_, SIGUSR1);
    ::sigaddset(&set_, SIGUSR2);
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) ::sigaddset(&set_, number);
  }
  (void)sys::block_signals(set_, before_, "taken one by one instead").check("");
}

SignalReceiver::~SignalReceiver() {
  if (!ends_well()) return;
  // What is still pending would, unblocked, do what such signals do by default: end the process.
  sys::QueuedSignal rest;
  while (sys::take_signal(set_, rest, Deadline::at_once(), "nobody takes it any more").ok()) {
  }
  sigset_t ours = set_;
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (::sigismember(&before_, number) == 1) ::sigdelset(&ours, number);
  (void)sys::unblock_signals(ours, "as it was before");
}

Received SignalReceiver::do_receive(Deadline deadline) {
  for (;;) {
    sys::QueuedSignal signal;
    const auto taken = sys::take_signal(set_, signal, deadline, "the next signal");
    if (taken.ok()) {
      text_ = std::to_string(signal.number) + " (" + sys::signal_name(signal.number) + ")";
      Received received{Status::ok};
      if (signal.code == SI_QUEUE) {
        int value = 0;
        std::memcpy(&value, signal.bytes.data(), sizeof value);
        text_ += " " + std::to_string(value);
        received.peer.claimed_pid = signal.pid;
      } else if (signal.code == SI_USER) {
        received.peer.pid = signal.pid;
        received.peer.uid = signal.uid;
      }
      received.message = std::as_bytes(std::span(text_));
      return received;
    }
    if (taken.error != EAGAIN && taken.error != EINTR) taken.check("");
    if (deadline.expired()) return {};
  }
}

int SignalReceiver::do_readiness_fd() {
  if (!signalfd_.is_open()) signalfd_ = sys::make_signalfd(set_, "readable while a signal waits");
  return signalfd_.get();
}

SignalSender::SignalSender(const std::string& address, std::optional<int> number)
    : Sender(kLongestNumber), number_(checked(number.value_or(SIGUSR1))) {
  const pid_t pid = parse(address, "pid");
  if (pid <= 0)
    throw Error(Trouble::invalid, EINVAL,
                "pid " + address +
                    ": a process has a positive number (kill(2) takes the others "
                    "for groups)");
  const auto opened = sys::open_pidfd(pid, "this process, and none that has its pid later");
  if (opened.error == ESRCH)
    throw Error(Trouble::no_receiver, ESRCH, "connect " + address + ": no such process");
  process_ = sys::Fd(opened.check(address).fd());
  const auto allowed = sys::signal_process(process_.get(), 0, "may we, and does it live?");
  if (allowed.error == ESRCH)
    throw Error(Trouble::no_receiver, ESRCH, "connect " + address + ": no such process");
  allowed.check(address);
}

Status SignalSender::do_send(Bytes message, Deadline deadline) {
  const std::string_view text(reinterpret_cast<const char*>(message.data()), message.size());
  sys::QueuedSignal signal{number_, 0, SI_QUEUE, ::getpid(), ::getuid(), {}};
  if (!text.empty()) {
    const int value = parse(text, "message");
    std::memcpy(signal.bytes.data(), &value, sizeof value);
  }
  for (;;) {
    const auto sent = text.empty()
                          ? sys::signal_process(process_.get(), number_, "as kill(1) does")
                          : sys::queue_signal(process_.get(), signal, "as sigqueue(3) does");
    if (sent.ok()) return Status::ok;
    if (sent.error == ESRCH) return Status::closed;
    if (sent.error != EAGAIN) sent.check(sys::signal_name(number_));
    if (deadline.expired()) return Status::timed_out;
    // poll(2) passes over a negative descriptor, and so only waits.
    sys::wait_readable(-1, std::min(deadline, Deadline::after(kNap)),
                       "its user's queue of signals is full, and nobody tells");
  }
}

}  // namespace ipc::bare
