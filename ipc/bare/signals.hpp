// Bare signals: as kill(1) sends them. The address is a pid, one signal is one message.
//
// Nothing but the kernel's own promises: an ordinary signal that is pending already is not queued
// again, so that of many one may be received; real-time signals are queued, up to the limit of the
// receiver's user. No end of anybody is told, but a sender learns that its receiver has died.
#pragma once

#include <csignal>

#include "ipc/sys/fd.hpp"
#include "ipc/transport.hpp"

namespace ipc::bare {

/// Receives SIGUSR1, SIGUSR2 and all real-time signals, or `only`, which may be any signal but
/// SIGKILL and SIGSTOP. They are blocked in the thread that makes it, for its life; make it before
/// other threads. A message is "10 (SIGUSR1)", for a queued one "37 (SIGRTMIN+3) 7" with the number
/// that came along. pid and uid of a signal from kill(2) are proven.
class SignalReceiver : public Receiver {
 public:
  SignalReceiver(const std::string& address, std::optional<int> only);
  ~SignalReceiver() override;

 private:
  Received do_receive(Deadline) override;
  int do_readiness_fd() override;

  sigset_t set_{};
  sigset_t before_{};
  sys::Fd signalfd_;
  std::string text_;
};

/// Sends `number` (SIGUSR1) to the process whose pid is the address. An empty message is the signal
/// alone; else it is a number, which goes along as by sigqueue(3).
class SignalSender : public Sender {
 public:
  SignalSender(const std::string& address, std::optional<int> number);

 private:
  Status do_send(Bytes, Deadline) override;

  sys::Fd process_;
  int number_;
};

}  // namespace ipc::bare
