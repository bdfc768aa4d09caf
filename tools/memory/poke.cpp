#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "tools/cli/exit.hpp"
#include "tools/cli/input.hpp"
#include "tools/memory/mapped_file.hpp"
#include "tools/memory/options.hpp"

namespace tools {
namespace {

// What is to be stored: all of it is read and parsed before anything is stored.
std::string bytes_to_store(const PokeOptions& options, std::size_t most) {
  const Argument& argument = options.values.front();
  if (argument.literal || argument.text != "-") return argument.text;
  Input input(STDIN_FILENO, {Cut::At::end}, most);
  return std::string(input.next().value_or(""));
}

// Where `count` items of the file begin; throws if they are not in it, since a store cannot make it
// longer.
std::size_t place_in(const PokeOptions& options, std::int64_t position, std::size_t count,
                     std::size_t size) {
  if (const auto place = place_of(position, count, size)) return *place;
  throw Ending(Exit::error, options.path + ": has " + shown_count(options, size) + "; " +
                                std::to_string(count) + " from " + std::to_string(position) +
                                " on do not fit, and a store makes no file longer");
}

struct Stored {
  std::size_t from = 0;
  std::size_t count = 0;
  std::string sum{};  ///< With --add.
};

Stored poke_bytes(const PokeOptions& options, std::span<std::byte> file) {
  const auto bytes = bytes_to_store(options, file.size());
  const auto from = place_in(options, options.at, bytes.size(), file.size());
  ipc::sys::remark("no write(2): the store is into the file's own page");
  if (!bytes.empty()) std::memcpy(file.data() + from, bytes.data(), bytes.size());
  return {from, bytes.size()};
}

Stored poke_values(const PokeOptions& options, std::span<std::byte> file) {
  const auto items = items_of(options, file);
  const auto size = options.type->size;
  const auto count = options.add ? 1 : options.count.value_or(options.values.size());
  const auto first = place_in(options, options.index.value_or(0), count, items.size() / size);
  std::byte* at = items.data() + first * size;
  Stored stored{static_cast<std::size_t>(at - file.data()), count * size};
  if (options.add) {
    ipc::sys::remark("loaded, added to and stored in one step: nobody can come in between");
    stored.sum = add(*options.type, at, *options.add);
    return stored;
  }
  std::vector<std::string> values;
  for (const Argument& argument : options.values)
    values.push_back(parse_value(*options.type, argument.text));
  ipc::sys::remark("each value is one store");
  for (std::size_t i = 0; i < count; ++i, at += size)
    store(*options.type, at, values[options.count ? 0 : i]);
  return stored;
}

}  // namespace

int poke_main(MemoryHome home, int argc, char** argv) {
  const std::string program = home == MemoryHome::file ? "mmap-poke" : "shm-poke";
  return static_cast<int>(guarded(program, [&] {
    const PokeOptions options = parse_poke(home, argc, argv);
    const auto narrator = narrate(options.narration);
    // Beyond `ulimit -f` a file is refused with EFBIG; without this it would be our death as well.
    (void)std::signal(SIGXFSZ, SIG_IGN);
    if (options.create) create_memory(options.path, *options.create, options.mode);
    if (options.values.empty() && !options.add) return Exit::ok;
    const MappedFile file(home, options.path, true);
    const auto stored =
        options.type ? poke_values(options, file.bytes()) : poke_bytes(options, file.bytes());
    file.check();
    if (options.sync) file.flush(stored.from, stored.count);
    if (options.add) std::cout << stored.sum << std::endl;
    if (!std::cout) throw ipc::Error("write", "stdout", EIO);
    return Exit::ok;
  }));
}

}  // namespace tools
