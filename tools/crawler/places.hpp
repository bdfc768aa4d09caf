// Where a daemon is found, and where its objects live.
#pragma once

#include <string>

namespace crawler {

/// The socket of the user's daemon, where crawlerd listens and crawl asks unless told otherwise:
/// crawlerd.socket in the user's directory (ipc/sys/name.hpp).
std::string default_socket();

/// The directory that holds a directory for each running daemon: crawlerd.runs, beside the socket.
std::string default_runs();

/// Makes the directory that `path` lies in if it is the user's and missing, and checks that it is
/// safe.
void prepare_place(const std::string& path);

}  // namespace crawler
