#include "ipc/wire/signal_frame.hpp"

#include <algorithm>
#include <cstring>

namespace ipc::wire {
namespace {

constexpr std::uint32_t kSlotBits = 12;
constexpr std::uint32_t kSlotMask = (1u << kSlotBits) - 1;
constexpr std::uint32_t kGenerationMask = 15;
constexpr std::uint32_t kFields = (1u << 18) - 1;
constexpr std::size_t kLength = sizeof(std::uint32_t);
constexpr std::size_t kNarrowHeader = 3;

std::uint32_t check_of(const SignalForm& form, std::uint32_t fields, std::uint32_t index) {
  const std::uint64_t a = std::uint64_t{form.salt} << 32 | fields;
  std::uint64_t hash = (a ^ std::uint64_t{index} << 18) * 0x9e3779b97f4a7c15u;
  hash ^= hash >> 29;
  hash *= 0xd6e8feb86659fd93u;
  return static_cast<std::uint32_t>(hash >> 50) & (form.wide ? 0x3fff : 0x3f);
}

std::uint32_t header_of(const SignalForm& form, std::uint32_t slot, SignalPart part,
                        std::uint32_t generation, std::uint32_t index) {
  const auto fields = slot | static_cast<std::uint32_t>(part) << kSlotBits |
                      (generation & kGenerationMask) << (kSlotBits + 2);
  return fields | check_of(form, fields, index) << 18;
}

bool checks(const SignalForm& form, const SignalFrame& frame, std::uint32_t index) {
  return frame.header ==
         ((frame.header & kFields) | check_of(form, frame.header & kFields, index) << 18);
}

SignalPart part_of(const SignalFrame& frame) {
  return static_cast<SignalPart>(frame.header >> kSlotBits & 3);
}

std::uint32_t number_at_front(const SignalFrame& frame) {
  std::uint32_t number = 0;
  std::memcpy(&number, frame.bytes.data(), sizeof number);
  return number;
}

// A hello says as much of the salt as its bytes can hold.
void fill_with_salt(SignalFrame& frame, const SignalForm& form) {
  const std::size_t room = std::min(sizeof form.salt, form.bytes() - kLength);
  std::memcpy(frame.bytes.data() + kLength, &form.salt, room);
}

}  // namespace

SignalCargo pack(const SignalForm& form, const SignalFrame& frame) {
  if (form.wide) return {frame.header, frame.bytes};
  SignalCargo cargo;
  for (std::size_t i = 0; i < kNarrowHeader; ++i)
    cargo.bytes[i] = static_cast<std::byte>(frame.header >> 8 * i);
  std::memcpy(cargo.bytes.data() + kNarrowHeader, frame.bytes.data(), kNarrowBytes);
  return cargo;
}

SignalFrame unpack(const SignalForm& form, const SignalCargo& cargo) {
  if (form.wide) return {cargo.word, cargo.bytes};
  SignalFrame frame;
  for (std::size_t i = 0; i < kNarrowHeader; ++i)
    frame.header |= std::to_integer<std::uint32_t>(cargo.bytes[i]) << 8 * i;
  std::memcpy(frame.bytes.data(), cargo.bytes.data() + kNarrowHeader, kNarrowBytes);
  return frame;
}

SignalFrame SignalWriter::nudge(const SignalForm& form) {
  return {header_of(form, 0, SignalPart::nudge, 0, 0), {}};
}

SignalFrame SignalWriter::hello() const {
  SignalFrame frame{header_of(form_, id_ % form_.slots, SignalPart::hello, id_ / form_.slots, 0),
                    {}};
  std::memcpy(frame.bytes.data(), &id_, sizeof id_);
  fill_with_salt(frame, form_);
  return frame;
}

void SignalWriter::begin(Bytes message) {
  message_ = message;
  offset_ = 0;
  index_ = 0;
  done_ = false;
}

SignalFrame SignalWriter::next() const {
  const bool first = index_ == 0;
  SignalFrame frame{
      header_of(form_, id_ % form_.slots, first ? SignalPart::first : SignalPart::rest,
                id_ / form_.slots, index_),
      {}};
  const std::size_t at = first ? kLength : 0;
  if (first) {
    const auto total = static_cast<std::uint32_t>(message_.size());
    std::memcpy(frame.bytes.data(), &total, sizeof total);
  }
  const auto count = std::min(form_.bytes() - at, message_.size() - offset_);
  if (count > 0) std::memcpy(frame.bytes.data() + at, message_.data() + offset_, count);
  return frame;
}

void SignalWriter::advance() {
  const std::size_t room = form_.bytes() - (index_ == 0 ? kLength : 0);
  offset_ = std::min(offset_ + room, message_.size());
  ++index_;
  done_ = offset_ == message_.size();
}

std::optional<std::uint32_t> SignalReader::slot_of(const SignalForm& form,
                                                   const SignalFrame& frame) {
  const auto slot = frame.header & kSlotMask;
  if (slot >= form.slots) return std::nullopt;
  return slot;
}

bool SignalReader::is_nudge(const SignalForm& form, const SignalFrame& frame) {
  return part_of(frame) == SignalPart::nudge && checks(form, frame, 0);
}

std::optional<std::uint32_t> SignalReader::hello_of(const SignalForm& form,
                                                    const SignalFrame& frame) {
  if (part_of(frame) != SignalPart::hello || !checks(form, frame, 0)) return std::nullopt;
  const auto id = number_at_front(frame);
  SignalFrame expected = frame;
  fill_with_salt(expected, form);
  if (id % form.slots != (frame.header & kSlotMask) || expected.bytes != frame.bytes)
    return std::nullopt;
  return id;
}

void SignalReader::enter(std::uint32_t id, std::int32_t pid) {
  *this = {};
  id_ = id;
  pid_ = pid;
}

std::optional<Frame> SignalReader::read(const SignalForm& form, const SignalFrame& frame) {
  const auto generation = frame.header >> (kSlotBits + 2) & kGenerationMask;
  if (id_ == 0 || generation != (id_ / form.slots & kGenerationMask)) return std::nullopt;
  if (part_of(frame) == SignalPart::first && checks(form, frame, 0)) {
    ++message_;
    total_ = number_at_front(frame);
    offset_ = index_ = 0;
    active_ = true;
  } else if (part_of(frame) != SignalPart::rest || !active_ || !checks(form, frame, index_)) {
    active_ = false;
    return std::nullopt;
  }
  const std::size_t at = index_ == 0 ? kLength : 0;
  const auto count = std::min<std::size_t>(form.bytes() - at, total_ - offset_);
  Frame whole{id_, message_, total_, offset_, 0, Bytes(frame.bytes).subspan(at, count)};
  offset_ += static_cast<std::uint32_t>(count);
  ++index_;
  active_ = offset_ < total_;
  return whole;
}

}  // namespace ipc::wire
