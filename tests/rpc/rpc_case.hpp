// What the tests of remote calls share: servers and callers in processes of their own.
#pragma once

#include <functional>
#include <stdexcept>
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
class RemoteServer {
 public:
  RemoteServer(const std::string& address, const std::function<int(Server&)>& body,
               const Options& options = {}) {
    process_ = Child::run([&] {
      Server server(kind(), address, options);
      state_->address.set(server.address());
      state_->listens.open();
      return body(server);
    });
    while (!state_->listens.wait(1, 20ms))
      if (!process_.is_running()) throw std::runtime_error("the server could not listen");
  }
  std::string address() const { return state_->address.get(); }
  Child& process() { return process_; }

 private:
  struct State {
    test::Gate listens;
    test::SharedText address;
  };
  Shared<State> state_;
  Child process_;
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
