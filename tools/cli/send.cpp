// The sending loop.
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>

#include "ipc/kinds.hpp"
#include "tools/cli.hpp"
#include "tools/cli/connecting.hpp"
#include "tools/cli/exit.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/stats.hpp"

namespace tools {
namespace {

class Sending {
 public:
  Sending(const SendOptions& options, ipc::Sender& sender) : options_(options), sender_(sender) {}

  void run() {
    if (options_.verbose)
      complain(options_.program,
               "connected to " + (options_.address.empty() ? "a descriptor" : options_.address) +
                   "; messages of up to " + std::to_string(sender_.max_message()) + " bytes");
    for (std::uint64_t round = 0; options_.repeat == 0 || round < options_.repeat; ++round)
      for (const MessageArgument& message : options_.messages) {
        if (message.is_stdin)
          send_stdin();
        else
          send(message.bytes);
      }
    if (options_.ack) wait_for_all();
    if (options_.stats) complain(options_.program, stats_.sentence());
  }

 private:
  void send_stdin() {
    if (!options_.quiet && ::isatty(STDIN_FILENO) == 1)
      complain(options_.program, options_.cut.at == Cut::At::line
                                     ? "one message per line, Ctrl-D ends"
                                     : "Ctrl-D ends");
    Input input(STDIN_FILENO, options_.cut, sender_.max_message());
    while (const auto message = input.next()) send(*message);
  }

  void send(std::string_view message) {
    // The pause that was asked for; no signal is handled here, so each ends it and the program.
    if (stats_.messages() > 0 && options_.interval.count() > 0)
      std::this_thread::sleep_for(options_.interval);
    switch (sender_.send(std::as_bytes(std::span(message)), deadline())) {
      case ipc::Status::ok:
        stats_.count(message.size());
        if (options_.verbose)
          complain(options_.program, "message " + std::to_string(stats_.messages()) + ": " +
                                         std::to_string(message.size()) + " bytes");
        return;
      case ipc::Status::timed_out:
        throw Ending(Exit::timed_out, "message " + std::to_string(stats_.messages() + 1) +
                                          " found no room in time; " + so_far());
      case ipc::Status::closed:
      case ipc::Status::died:
        break;
    }
    throw Ending(Exit::peer_gone, "the receiver is gone; " + so_far());
  }

  void wait_for_all() {
    const ipc::Deadline until = deadline();
    const std::uint64_t taken = sender_.taken(stats_.messages(), until);
    if (taken >= stats_.messages()) return;
    throw Ending(until.expired() ? Exit::timed_out : Exit::peer_gone, counts(taken));
  }

  ipc::Deadline deadline() const {
    if (!options_.timeout) return ipc::Deadline::never();
    if (options_.timeout->count() == 0) return ipc::Deadline::at_once();
    return ipc::Deadline::after(*options_.timeout);
  }

  std::string so_far() {
    if (options_.ack) return counts(sender_.taken(0, ipc::Deadline::at_once()));
    return std::to_string(stats_.messages()) + " sent before";
  }

  std::string counts(std::uint64_t taken) const {
    return std::to_string(taken) + " taken, " + std::to_string(stats_.messages() - taken) + " not";
  }

  const SendOptions& options_;
  ipc::Sender& sender_;
  Stats stats_;
};

int send_main(const ipc::Kind* kind, int argc, char** argv) {
  const std::string program = kind ? std::string(kind->name) + "-send" : argv[0];
  std::unique_ptr<Narrator> narrator;  // outlives the sender, whose last calls it tells as well
  std::unique_ptr<ipc::Sender> sender;
  const Exit code = guarded(program, [&] {
    const SendOptions options = parse_send(kind, argc, argv);
    narrator = narrate(options.narration);
    try {
      sender = connect(options);
      Sending(options, *sender).run();
    } catch (const ipc::Error& error) {
      rethrow_with_remedy(error, options);
    }
    return Exit::ok;
  });
  // A sender's destructor says goodbye: all has been sent. Where that is not so the process ends
  // without one, and the receiver is told that this sender died.
  if (code != Exit::ok) ::_exit(static_cast<int>(code));
  return 0;
}

}  // namespace

int send_main(const ipc::Kind& kind, int argc, char** argv) {
  return send_main(&kind, argc, argv);
}
int send_main(int argc, char** argv) {
  return send_main(nullptr, argc, argv);
}

}  // namespace tools
