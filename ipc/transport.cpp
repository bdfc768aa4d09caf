#include "ipc/transport.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <utility>

#include "ipc/sys/lock.hpp"

namespace ipc {
namespace {

void check_fork(std::uint64_t generation) {
  if (generation != sys::fork_generation())
    throw std::logic_error("a receiver or sender was used in a forked child; make a new one there");
}

void check_option(const Kind& kind, std::string_view field, bool is_set) {
  if (!is_set || std::ranges::find(kind.options, field) != kind.options.end()) return;
  throw Error(Trouble::invalid, EINVAL,
              std::string(kind.name) + ": the option " + std::string(field) +
                  " means nothing to this kind");
}

void check_range(std::string_view field, std::optional<std::size_t> value, std::size_t least,
                 std::size_t most) {
  if (!value || (*value >= least && *value <= most)) return;
  throw Error(Trouble::invalid, EINVAL,
              std::string(field) + " = " + std::to_string(*value) + ": must be from " +
                  std::to_string(least) + " to " + std::to_string(most));
}

void check_options(const Kind& kind, const Options& options) {
  check_option(kind, "mode", options.mode.has_value());
  check_option(kind, "max_message", options.max_message.has_value());
  check_option(kind, "max_senders", options.max_senders.has_value());
  check_option(kind, "capacity", options.capacity.has_value());
  check_option(kind, "from_uid", options.from_uid.has_value());
  check_option(kind, "fd", options.fd.has_value());
  check_option(kind, "abstract", options.abstract);
  check_option(kind, "priority", options.priority.has_value());
  check_option(kind, "signal", options.signal.has_value());
  check_option(kind, "bare", options.bare);
  check_option(kind, "require_receiver", options.require_receiver);
  check_option(kind, "sync", options.sync);
  check_range("mode", options.mode, 0, 0777);
  check_range("max_message", options.max_message, 1, kMaxMessage);
  check_range("max_senders", options.max_senders, 1, kMostSenders);
}

}  // namespace

std::string_view to_string(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::timed_out:
      return "timed out";
    case Status::closed:
      return "closed";
    case Status::died:
      return "died";
  }
  return "?";
}

Receiver::Receiver(std::string address)
    : address_(std::move(address)),
      fork_generation_(sys::fork_generation()),
      exceptions_(std::uncaught_exceptions()) {
  sys::count_forks();
}

void Receiver::check_owner() const {
  check_fork(fork_generation_);
}

bool Receiver::ends_well() const noexcept {
  return fork_generation_ == sys::fork_generation() && std::uncaught_exceptions() == exceptions_;
}

Received Receiver::receive(Deadline deadline) {
  check_owner();
  return do_receive(deadline);
}

int Receiver::readiness_fd() {
  check_owner();
  return do_readiness_fd();
}

Sender::Sender(std::size_t max_message)
    : max_message_(max_message),
      fork_generation_(sys::fork_generation()),
      exceptions_(std::uncaught_exceptions()) {
  sys::count_forks();
}

void Sender::check_owner() const {
  check_fork(fork_generation_);
}

bool Sender::ends_well() const noexcept {
  return fork_generation_ == sys::fork_generation() && std::uncaught_exceptions() == exceptions_;
}

void Sender::check_size(std::size_t size) const {
  if (size <= max_message_) return;
  throw Error(Trouble::limit, EMSGSIZE,
              "send: a message of " + std::to_string(size) + " bytes is longer than the " +
                  std::to_string(max_message_) +
                  " that this receiver takes (max_message, at most " + std::to_string(kMaxMessage) +
                  ")");
}

Status Sender::send(Bytes message, Deadline deadline) {
  check_owner();
  check_size(message.size());
  if (reserved_) throw std::logic_error("a send while a reservation is open");
  return do_send(message, deadline);
}

Reservation Sender::reserve(std::size_t size, Deadline deadline) {
  check_owner();
  check_size(size);
  if (reserved_) throw std::logic_error("a second reservation while one is open");
  Status status = Status::ok;
  const auto room = do_reserve(size, deadline, status);
  reserved_ = status == Status::ok;
  return {*this, room, status, deadline};
}

std::uint64_t Sender::taken(std::uint64_t want, Deadline deadline) {
  check_owner();
  return do_taken(want, deadline);
}

std::span<std::byte> Sender::do_reserve(std::size_t size, Deadline, Status&) {
  // At least one byte, so that the room has an address even for the empty message.
  if (staging_.size() <= size) staging_.resize(size + 1);
  return std::span(staging_).first(size);
}

Status Sender::do_commit(std::size_t used, Deadline deadline) {
  return do_send(std::span(staging_).first(used), deadline);
}

std::uint64_t Sender::do_taken(std::uint64_t, Deadline) {
  throw Error(Trouble::invalid, ENOTSUP,
              "taken: this kind does not tell what its receiver has taken");
}

Reservation::Reservation(Sender& sender, std::span<std::byte> room, Status status,
                         Deadline deadline)
    : sender_(status == Status::ok ? &sender : nullptr),
      room_(room),
      status_(status),
      deadline_(deadline) {}

Reservation::Reservation(Reservation&& other) noexcept
    : sender_(std::exchange(other.sender_, nullptr)),
      room_(other.room_),
      status_(other.status_),
      deadline_(other.deadline_) {}

Reservation::~Reservation() {
  if (!sender_) return;
  sender_->reserved_ = false;
  sender_->do_abandon();
}

Status Reservation::commit(std::size_t used) {
  if (!sender_) throw std::logic_error("commit of a reservation that is not open");
  if (used > room_.size()) throw std::logic_error("commit of more bytes than were reserved");
  sender_->check_owner();
  Sender& sender = *std::exchange(sender_, nullptr);
  sender.reserved_ = false;
  return sender.do_commit(used, deadline_);
}

std::unique_ptr<Receiver> Kind::listen(const std::string& address, const Options& with) const {
  check_options(*this, with);
  return implementation.listen(address, with);
}

std::unique_ptr<Sender> Kind::connect(const std::string& address, const Options& with) const {
  check_options(*this, with);
  return implementation.connect(address, with);
}

Options Kind::fit(std::size_t receivers, const Options& with) const {
  check_options(*this, with);
  return implementation.fit ? implementation.fit(receivers, with) : with;
}

void Kind::remove(const std::string& address) const {
  implementation.remove(address);
}

}  // namespace ipc
