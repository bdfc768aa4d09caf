#include "ipc/rpc/reply_inbox.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "ipc/sys/file.hpp"
#include "ipc/sys/name.hpp"
#include "ipc/sys/tcp.hpp"

namespace ipc::rpc {
namespace {

constexpr std::string_view kWord = ".reply.";
// The server, and one that succeeds it before its place is free.
constexpr std::size_t kRepliers = 4;
// Callers are many, and each has at most one reply to wait for, so an inbox takes little: of memory,
// and less where all objects of a user share a quota. Longer replies come piece by piece.
constexpr std::size_t kLane = std::size_t{1} << 20;
constexpr std::size_t kShareOfQuota = std::size_t{16} << 10;

bool is_endpoint(const Kind& kind, const std::string& address) {
  return kind.traits.many_hosts && sys::is_endpoint(address);
}

bool is_loopback(std::string_view endpoint) {
  const auto colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return true;  // PORT
  const auto host = endpoint.substr(0, colon);
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char digit) { return digit >= '0' && digit <= '9'; });
}

Options options_for(const Kind& kind) {
  const auto knows = [&](std::string_view option) {
    return std::ranges::find(kind.options, option) != kind.options.end();
  };
  Options options;
  if (knows("max_senders")) options.max_senders = kRepliers;
  if (kind.implementation.fit != nullptr)
    options.capacity = kShareOfQuota;
  else if (kind.traits.in_place)
    options.capacity = kLane;
  return options;
}

}  // namespace

std::unique_ptr<Receiver> listen_for_replies(const Kind& kind, const std::string& server,
                                             const std::string& at) {
  const Options options = options_for(kind);
  if (!kind.traits.named) return kind.listen("", options);
  if (is_endpoint(kind, server)) {
    if (at.empty() && !is_loopback(server))
      throw Error(Trouble::invalid, EINVAL,
                  "call " + server +
                      ": where does a reply reach this host? Give a HOST:PORT of it; port 0 is any "
                      "free one");
    return kind.listen(at.empty() ? "0" : at, options);
  }
  if (!at.empty())
    throw Error(Trouble::invalid, EINVAL,
                "call " + server + ": replies come to a name beside it; " + at + " means nothing");
  const sys::Path path = sys::resolve(server);
  for (std::size_t number = 1;; ++number) {
    try {
      return kind.listen(path.in(path.name + std::string(kWord) + std::to_string(number)), options);
    } catch (const Error& error) {
      // No more than kMostSenders callers can be connected to a server.
      if (error.trouble() != Trouble::in_use || number >= kMostSenders) throw;
    }
  }
}

void remove_dead_inboxes(const Kind& kind, const std::string& server) {
  if (!kind.traits.named || is_endpoint(kind, server)) return;
  const sys::Path path = sys::resolve(server);
  const auto opened =
      sys::open(path.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, "whose inboxes are there?");
  if (!opened.ok()) return;
  const sys::Fd directory(opened.fd());
  std::vector<std::string> names;
  (void)sys::read_directory(directory.get(), names, "the names in it");
  const std::string before = "." + path.name + std::string(kWord);
  constexpr std::string_view after = ".lease";
  for (const std::string& name : names) {
    if (!name.starts_with(before) || !name.ends_with(after)) continue;
    const std::string inbox = name.substr(1, name.size() - 1 - after.size());
    if (!is_number(std::string_view(inbox).substr(path.name.size() + kWord.size()))) continue;
    try {
      kind.remove(path.in(inbox));
    } catch (const Error&) {
      // It is somebody's, or not of this kind, or not ours to remove.
    }
  }
}

bool is_reply_address(const Kind& kind, std::string_view address) {
  if (!kind.traits.named) {
    constexpr std::string_view proc = "/proc/";
    constexpr std::string_view fd = "/fd/";
    const auto end = address.find(fd, proc.size());
    return address.starts_with(proc) && end != std::string_view::npos &&
           is_number(address.substr(proc.size(), end - proc.size())) &&
           is_number(address.substr(end + fd.size()));
  }
  if (is_endpoint(kind, std::string(address))) return true;
  const auto word = address.rfind(kWord);
  return address.starts_with('/') && word != std::string_view::npos &&
         is_number(address.substr(word + kWord.size()));
}

}  // namespace ipc::rpc
