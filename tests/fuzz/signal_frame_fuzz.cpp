// What a receiver of signals does with whatever comes: it reads nothing beyond a signal, puts nothing
// together that was not sent as one message, and understands its own senders among all of it.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "ipc/wire/reassembly.hpp"
#include "ipc/wire/signal_frame.hpp"

namespace {

using namespace ipc::wire;
constexpr std::uint32_t kId = 8 * 3 + 5;
constexpr std::int32_t kPid = 4711;

void require(bool holds) {
  if (!holds) std::abort();
}

// The bytes as signals of strangers, all of which claim to be our sender.
std::vector<SignalCargo> signals_of(Bytes bytes) {
  std::vector<SignalCargo> signals;
  while (!bytes.empty()) {
    SignalCargo cargo;
    const auto word = std::min(bytes.size(), sizeof cargo.word);
    std::memcpy(&cargo.word, bytes.data(), word);
    bytes = bytes.subspan(word);
    const auto count = std::min(bytes.size(), cargo.bytes.size());
    if (count > 0) std::memcpy(cargo.bytes.data(), bytes.data(), count);
    bytes = bytes.subspan(count);
    signals.push_back(cargo);
  }
  return signals;
}

// Any bytes: whatever is understood lies within its signal and its message.
void read_strangers(const SignalForm& form, Bytes bytes) {
  SignalReader reader;
  reader.enter(kId, kPid);
  for (const SignalCargo& cargo : signals_of(bytes)) {
    const SignalFrame frame = unpack(form, cargo);
    const auto slot = SignalReader::slot_of(form, frame);
    require(!slot || *slot < form.slots);
    if (SignalReader::is_nudge(form, frame)) require(!SignalReader::hello_of(form, frame));
    if (const auto id = SignalReader::hello_of(form, frame)) require(*id % form.slots == *slot);
    const auto read = reader.read(form, frame);
    if (!read) continue;
    require(read->sender == kId && read->payload.size() <= form.bytes());
    require(std::uint64_t{read->offset} + read->payload.size() <= read->total);
    const auto* begin = read->payload.data();
    require(read->payload.empty() ||
            (begin >= frame.bytes.data() &&
             begin + read->payload.size() <= frame.bytes.data() + frame.bytes.size()));
    const SignalCargo again = pack(form, frame);
    require(unpack(form, again).header == frame.header);
  }
}

// The bytes as a message, of which the signal number `lost` does not arrive.
void send(const SignalForm& form, Bytes message, std::size_t lost) {
  SignalWriter writer(form, kId);
  require(SignalReader::hello_of(form, unpack(form, pack(form, writer.hello()))) == kId);
  SignalReader reader;
  reader.enter(kId, kPid);
  Assembly assembly;
  const auto deliver = [&](std::size_t but) {
    std::size_t whole = 0;
    std::size_t index = 0;
    for (writer.begin(message); !writer.is_done(); writer.advance()) {
      if (index++ == but) continue;
      const SignalFrame frame = unpack(form, pack(form, writer.next()));
      const auto read = reader.read(form, frame);
      require(read || but != SIZE_MAX);
      if (!read) continue;
      if (const auto got = assembly.accept(*read)) {
        require(std::ranges::equal(*got, message));
        ++whole;
      }
    }
    require(whole == (but < index ? 0u : 1u));
  };
  deliver(lost);
  deliver(SIZE_MAX);  // and what comes next is understood
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input =
      std::as_bytes(std::span(data, size)).first(std::min<std::size_t>(size, 10'000));
  for (const bool wide : {true, false}) {
    const SignalForm form{wide, 0x12345678, 8};
    read_strangers(form, input);
    send(form, input, input.empty() ? 0 : std::to_integer<std::size_t>(input[0]));
  }
  return 0;
}
