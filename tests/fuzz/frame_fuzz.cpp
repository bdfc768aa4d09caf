// The parser of frames and the assembly behind it: whatever bytes come, however they are cut, the same
// frames come out; every byte is in a frame or was skipped; and true frames survive foreign ones.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "ipc/wire/frame.hpp"
#include "ipc/wire/reassembly.hpp"

namespace {

using namespace ipc::wire;
constexpr std::size_t kLongest = 4072;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Outcome {
  std::vector<std::string> frames;
  std::vector<std::string> messages;
  std::uint64_t skipped = 0;
  bool operator==(const Outcome&) const = default;
};

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Outcome parse(Bytes input, std::size_t piece) {
  Outcome outcome;
  Assembly assembly;
  std::size_t in_frames = 0;
  Parser parser(8192, kLongest, [](const Frame& frame) { return frame.total <= 20'000; });
  for (std::size_t at = 0; at < input.size();) {
    const auto room = parser.room();
    require(!room.empty());
    const auto count = std::min({piece, room.size(), input.size() - at});
    std::memcpy(room.data(), input.data() + at, count);
    parser.filled(count);
    at += count;
    while (const auto frame = parser.next()) {
      require(frame->payload.size() <= kLongest);
      require(frame->offset + frame->payload.size() <= frame->total);
      in_frames += kFrameHeader + frame->payload.size();
      outcome.frames.push_back(text_of(frame->payload));
      if (const auto message = assembly.accept(*frame)) {
        require(message->size() == frame->total);
        outcome.messages.push_back(text_of(*message));
      }
    }
  }
  parser.found_empty();
  outcome.skipped = parser.skipped();
  require(in_frames + outcome.skipped == input.size());
  return outcome;
}

// The input's own bytes as true frames of one message, behind the input as it is.
std::vector<std::byte> with_true_frames(Bytes input) {
  std::vector<std::byte> stream(input.begin(), input.end());
  Frame frame{1, 1, static_cast<std::uint32_t>(input.size())};
  do {
    frame.payload =
        input.subspan(frame.offset, std::min<std::size_t>(100, input.size() - frame.offset));
    const auto header = encode(frame);
    const auto decoded = decode(header);
    require(decoded.has_value() == frame.payload.empty());
    stream.insert(stream.end(), header.begin(), header.end());
    stream.insert(stream.end(), frame.payload.begin(), frame.payload.end());
    frame.offset += static_cast<std::uint32_t>(frame.payload.size());
  } while (frame.offset < frame.total);
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input =
      std::as_bytes(std::span(data, size)).first(std::min<std::size_t>(size, 10'000));
  const auto whole = parse(input, std::max<std::size_t>(input.size(), 1));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{23}, std::size_t{4096}})
    require(parse(input, piece) == whole);
  // Foreign bytes may look like the beginning of a frame and so swallow what follows them, but only if
  // their header checks; bytes in which none does cost nothing.
  if (!whole.frames.empty() || whole.skipped != input.size()) return 0;
  for (std::size_t at = 0; at + kFrameHeader <= input.size(); ++at) {
    Parser alone(8192, kLongest, [](const Frame&) { return true; });
    std::memcpy(alone.room().data(), input.data() + at, kFrameHeader);
    alone.filled(kFrameHeader);
    (void)alone.next();
    if (alone.skipped() == 0) return 0;
  }
  const auto outcome = parse(with_true_frames(input), 4096);
  require(!outcome.messages.empty() && outcome.messages.back() == text_of(input));
  return 0;
}
