#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "tools/cli/exit.hpp"
#include "tools/cli/output.hpp"
#include "tools/memory/mapped_file.hpp"
#include "tools/memory/options.hpp"

namespace tools {
namespace {

using Items = std::span<std::byte>;

// So much is copied, found to be there, and written at a time.
constexpr std::size_t kPiece = std::size_t{1} << 20;

void print_values(const PeekOptions& options, const MappedFile& file, Items items, Output& out) {
  const auto size = options.type->size;
  const auto total = items.size() / size;
  Part part{0, total};
  if (options.slice) part = part_of(*options.slice, total);
  if (options.index || options.count) {
    part.count = options.count.value_or(options.index ? 1 : total);
    const auto from = place_of(options.index.value_or(0), part.count, total);
    if (!from)
      throw Ending(Exit::error, options.path + ": has " + shown_count(options, total) +
                                    ", and not " + std::to_string(part.count) + " from " +
                                    std::to_string(options.index.value_or(0)) + " on");
    part.from = *from;
  }
  ipc::sys::remark("each value is one load");
  for (auto i = part.from; i < part.from + part.count; ++i) {
    const auto text = load(*options.type, items.data() + i * size);
    file.check();
    out.write(text + "\n");
  }
}

void print_raw(const MappedFile& file, Items bytes, Output& out) {
  std::string piece;
  for (; !bytes.empty(); bytes = bytes.subspan(piece.size())) {
    piece.assign(reinterpret_cast<const char*>(bytes.data()), std::min(kPiece, bytes.size()));
    file.check();
    out.write(piece);
  }
}

Items first_line(Items bytes) {
  const void* const newline =
      bytes.empty() ? nullptr : std::memchr(bytes.data(), '\n', bytes.size());
  if (newline == nullptr) return bytes;
  return bytes.first(
      static_cast<std::size_t>(static_cast<const std::byte*>(newline) - bytes.data()));
}

void print_bytes(const PeekOptions& options, const MappedFile& file, Items bytes, Output& out) {
  if (options.slice) {
    const auto part = part_of(*options.slice, bytes.size());
    bytes = bytes.subspan(part.from, part.count);
  }
  ipc::sys::remark("no read(2): the bytes are in our memory already");
  if (options.line) bytes = first_line(bytes);
  const bool to_people = ::isatty(STDOUT_FILENO) == 1;
  // Into a pipe or a file: these bytes and no others, unless a form is asked for.
  const auto usual = to_people || options.line ? Format::Style::line : Format::Style::raw;
  Format format;
  format.style = options.format ? options.format->style : usual;
  if (format.style == Format::Style::raw) return print_raw(file, bytes, out);
  format.for_people = to_people;
  const std::string copy(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  file.check();
  std::string text;
  append(text, format, copy, {});
  out.write(text);
}

}  // namespace

int peek_main(MemoryHome home, int argc, char** argv) {
  const std::string program = home == MemoryHome::file ? "mmap-peek" : "shm-peek";
  return static_cast<int>(guarded(program, [&] {
    const PeekOptions options = parse_peek(home, argc, argv);
    const auto narrator = narrate(options.narration);
    const MappedFile file(home, options.path, false);
    const Items items = items_of(options, file.bytes());
    Output out(STDOUT_FILENO, [] { return false; });
    if (options.type)
      print_values(options, file, items, out);
    else
      print_bytes(options, file, items, out);
    out.flush();
    return Exit::ok;
  }));
}

}  // namespace tools
