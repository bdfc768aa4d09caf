// rpc-serve and rpc-call: remote calls (ipc/rpc) for shells. What they print, read and return is
// described by `--help`.
#pragma once

namespace tools {

/// The whole of rpc-serve: answers each request with what a command makes of it. Returns main's
/// result, or dies of the signal that told it to stop.
int rpc_serve_main(int argc, char** argv);

/// The whole of rpc-call: sends each request and prints its reply.
int rpc_call_main(int argc, char** argv);

}  // namespace tools
