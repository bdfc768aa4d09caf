#include "ipc/wire/signal_frame.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/wire/reassembly.hpp"
#include "tests/wire/bytes.hpp"

namespace {

using namespace ipc::wire;
using test::Buffer;

constexpr std::int32_t kPid = 4711;
constexpr SignalForm kWide{true, 0x12345678, 64};
constexpr SignalForm kNarrow{false, 0x12345678, 64};

Buffer pattern(std::size_t size) {
  Buffer bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = std::byte(i * 7 % 251);
  return bytes;
}

std::vector<Buffer> only(Buffer message) {
  std::vector<Buffer> messages;
  messages.push_back(std::move(message));
  return messages;
}

// All signals of a message, as they lie in the kernel's queue.
std::vector<SignalCargo> cut(const SignalForm& form, std::uint32_t id, Bytes message) {
  std::vector<SignalCargo> signals;
  SignalWriter writer(form, id);
  for (writer.begin(message); !writer.is_done(); writer.advance())
    signals.push_back(pack(form, writer.next()));
  return signals;
}

// What one slot's reader makes of signals: whole messages.
class Slot {
 public:
  Slot(const SignalForm& form, std::uint32_t id) : form_(form) { reader_.enter(id, kPid); }

  void take(const SignalCargo& cargo) {
    const SignalFrame frame = unpack(form_, cargo);
    const auto read = reader_.read(form_, frame);
    if (!read) {
      ++refused;
      return;
    }
    if (const auto message = assembly_.accept(*read))
      messages.emplace_back(message->begin(), message->end());
  }
  void take(const std::vector<SignalCargo>& signals) {
    for (const auto& signal : signals) take(signal);
  }

  std::vector<Buffer> messages;
  int refused = 0;

 private:
  SignalForm form_;
  SignalReader reader_;
  Assembly assembly_;
};

TEST_CASE("messages of all lengths come out as they went in, wide and narrow") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    CAPTURE(form.wide);
    Slot slot(form, 64 * 3 + 5);
    std::vector<Buffer> sent;
    for (const std::size_t size :
         {0u, 1u, 2u, 4u, 5u, 6u, 19u, 20u, 21u, 24u, 44u, 45u, 100u, 5000u}) {
      sent.push_back(pattern(size));
      slot.take(cut(form, 64 * 3 + 5, sent.back()));
    }
    CHECK(slot.messages == sent);
    CHECK(slot.refused == 0);
  }
}

TEST_CASE("a message takes as few signals as its bytes need") {
  CHECK(cut(kWide, 64, {}).size() == 1);
  CHECK(cut(kWide, 64, pattern(20)).size() == 1);
  CHECK(cut(kWide, 64, pattern(21)).size() == 2);
  CHECK(cut(kWide, 64, pattern(44)).size() == 2);
  CHECK(cut(kWide, 64, pattern(45)).size() == 3);
  CHECK(cut(kNarrow, 64, pattern(1)).size() == 1);
  CHECK(cut(kNarrow, 64, pattern(2)).size() == 2);
  CHECK(cut(kNarrow, 64, pattern(7)).size() == 3);
}

TEST_CASE("the narrow form uses the 8 bytes that sigqueue(3) promises, and no more") {
  for (const auto& cargo : cut(kNarrow, 64 * 9 + 63, pattern(100))) {
    CHECK(cargo.word == 0);
    CHECK(std::ranges::all_of(std::span(cargo.bytes).subspan(8),
                              [](std::byte byte) { return byte == std::byte{}; }));
  }
}

TEST_CASE("a frame begins with its slot, which must exist") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    const auto of_slot = [&](std::uint32_t slot) {
      return unpack(form, cut({form.wide, form.salt, 4096}, 4096 + slot, pattern(3)).front());
    };
    CHECK(SignalReader::slot_of(form, of_slot(0)) == 0);
    CHECK(SignalReader::slot_of(form, of_slot(63)) == 63);
    CHECK_FALSE(SignalReader::slot_of(form, of_slot(64)));
    CHECK_FALSE(SignalReader::slot_of(form, of_slot(4095)));
  }
}

TEST_CASE("a nudge is a nudge and nothing else is") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    const auto nudge = SignalWriter::nudge(form);
    CHECK(SignalReader::is_nudge(form, nudge));
    CHECK_FALSE(SignalReader::hello_of(form, nudge));
    SignalForm other = form;
    other.salt ^= 1;
    CHECK_FALSE(SignalReader::is_nudge(other, nudge));
    CHECK_FALSE(SignalReader::is_nudge(form, SignalWriter(form, 64).hello()));
    CHECK_FALSE(SignalReader::is_nudge(form, unpack(form, cut(form, 64, pattern(3)).front())));
  }
}

TEST_CASE("a hello tells the connection, and fits no other life, slot or number") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    CAPTURE(form.wide);
    const std::uint32_t id = 64 * 77 + 5;
    const SignalFrame hello = SignalWriter(form, id).hello();
    CHECK(SignalReader::hello_of(form, hello) == id);
    SignalForm other = form;
    other.salt ^= 1;  // the lowest byte is all that a narrow hello has room for
    CHECK_FALSE(SignalReader::hello_of(other, hello));
    for (std::size_t byte = 0; byte < 4 + (form.wide ? 4u : 1u); ++byte) {
      SignalFrame damaged = hello;
      damaged.bytes[byte] ^= std::byte{1};
      // Another connection of the same slot, whose number the header does not hold in full.
      const bool same_slot = byte != 0 && byte < 4;
      CHECK((SignalReader::hello_of(form, damaged) == std::nullopt) == !same_slot);
    }
  }
}

TEST_CASE("no signal is missed without notice: nothing torn is put together") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    CAPTURE(form.wide);
    const auto signals = cut(form, 64, pattern(300));
    for (std::size_t lost = 0; lost < signals.size(); ++lost) {
      Slot slot(form, 64);
      for (std::size_t i = 0; i < signals.size(); ++i)
        if (i != lost) slot.take(signals[i]);
      CHECK(slot.messages.empty());
      slot.take(cut(form, 64, pattern(30)));
      CHECK(slot.messages == only(pattern(30)));
    }
  }
}

TEST_CASE("a message given up is dropped when the next begins") {
  Slot slot(kWide, 64);
  auto first = cut(kWide, 64, pattern(200));
  first.resize(4);
  slot.take(first);
  slot.take(cut(kWide, 64, pattern(100)));
  CHECK(slot.messages == only(pattern(100)));
  CHECK(slot.refused == 0);
}

TEST_CASE("what the slot's last owner had sent is not taken for the present one's") {
  for (const SignalForm& form : {kWide, kNarrow}) {
    Slot slot(form, 64 * 2);
    slot.take(cut(form, 64, pattern(10)));
    CHECK(slot.messages.empty());
    slot.take(cut(form, 64 * 2, pattern(10)));
    CHECK(slot.messages == only(pattern(10)));
  }
}

TEST_CASE("before a hello a slot understands nothing, and after it only what comes from that pid") {
  SignalReader reader;
  CHECK_FALSE(reader.is_of(kPid));
  CHECK_FALSE(reader.is_of(0));
  CHECK_FALSE(reader.read(kWide, unpack(kWide, cut(kWide, 64, pattern(3)).front())));
  reader.enter(64, kPid);
  CHECK(reader.is_of(kPid));
  CHECK_FALSE(reader.is_of(kPid + 1));
}

TEST_CASE("signals of chance are refused: one in 2^14, narrow one in 64") {
  std::mt19937 random(1);
  for (const SignalForm& form : {kWide, kNarrow}) {
    CAPTURE(form.wide);
    SignalReader reader;
    reader.enter(64 * 2, kPid);
    int taken = 0;
    for (int i = 0; i < 100'000; ++i) {
      SignalCargo cargo{static_cast<std::uint32_t>(random()), {}};
      for (auto& byte : cargo.bytes) byte = std::byte(random());
      taken += reader.read(form, unpack(form, cargo)) ? 1 : 0;
    }
    // 1/16 of them have the right generation, and half of these are `first` or `rest`.
    CHECK(taken < (form.wide ? 20 : 200));
  }
}

}  // namespace
