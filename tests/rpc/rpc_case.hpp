// What the tests of remote calls share: servers and callers in processes of their own.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ipc/rpc/client.hpp"
#include "ipc/rpc/server.hpp"
#include "tests/conformance/conformance.hpp"

namespace rpc_test {

using namespace conformance;
using ipc::rpc::Client;
using ipc::rpc::Server;
using Outcome = Client::Outcome;

inline constexpr auto kPatience = 20s;

inline std::vector<std::byte> reversed(Bytes bytes) {
  return {bytes.rbegin(), bytes.rend()};
}

/// Answers each request with its bytes in reverse, or refuses it if it begins with "no".
inline int serve(Server& server) {
  for (;;) {
    const auto request = server.next();
    if (text_of(request.body.first(std::min<std::size_t>(2, request.body.size()))) == "no")
      (void)server.refuse(request.call, "I would rather not", Deadline::after(kPatience));
    else
      (void)server.reply(request.call, reversed(request.body), Deadline::after(kPatience));
  }
}

/// A server in a process of its own.
struct RemoteServer : RemoteListener {
  RemoteServer(const std::string& address, const std::function<int(Server&)>& body,
               const Options& options = {})
      : RemoteListener([&](const Announce& announce) {
          Server server(kind(), address, options);
          announce(server.address());
          return body(server);
        }) {}
};

/// What a killed server leaves is for the next one, or remove().
struct ServerCase : Case {
  ServerCase() : Case(120s) {}
  std::string address = kind().traits.named ? "served" : "";
  ~ServerCase() { remove(address); }
};

/// A child that makes a client and does something with it.
inline Child caller(const std::string& server, const std::function<int(Client&)>& body) {
  return Child::run([&] {
    Client client(kind(), server);
    return body(client);
  });
}

}  // namespace rpc_test
