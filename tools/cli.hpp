// What all pairs share: the options, the two loops and the exit codes. A pair is one call of one of
// these functions; what they print, read and return is described by `--help`.
#pragma once

namespace ipc {
struct Kind;
}

namespace tools {

/// The whole of KIND-send: connects to the receiver that the command line names and sends each
/// message argument, or stdin piece by piece. Returns main's result, or ends the process at once
/// without a goodbye to the receiver, if it did not do all that was asked.
int send_main(const ipc::Kind& kind, int argc, char** argv);

/// The whole of KIND-recv: receives at the address on the command line and prints each message, or
/// gives it to a command.
int receive_main(const ipc::Kind& kind, int argc, char** argv);

/// The same for `ipc send` and `ipc recv`: the kind is what --transport or $IPC_TRANSPORT names.
/// `argv[0]` is what they call themselves in messages.
int send_main(int argc, char** argv);
int receive_main(int argc, char** argv);

/// signal-recv and signal-send, which speak as kill(1) does as well: bare if the command line has
/// --bare, no ADDRESS, or what only bare signals know (--ignore; for a sender --signal). The
/// receiver then prints its pid and each signal, as "handle signal 10 (SIGUSR1)", and both say at
/// the end how many it were.
int receive_signals_main(int argc, char** argv);
int send_signals_main(int argc, char** argv);

}  // namespace tools
