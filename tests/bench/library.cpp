#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "ipc/kinds.hpp"
#include "tests/bench/channel.hpp"

namespace bench {
namespace {

class LibraryIn final : public In {
 public:
  explicit LibraryIn(std::unique_ptr<ipc::Receiver> receiver) : receiver_(std::move(receiver)) {}
  Bytes receive() override {
    const auto got = receiver_->receive();
    if (!got) throw std::runtime_error("receive: " + std::string(ipc::to_string(got.status)));
    return got.message;
  }

 private:
  std::unique_ptr<ipc::Receiver> receiver_;
};

class LibraryOut final : public Out {
 public:
  explicit LibraryOut(std::unique_ptr<ipc::Sender> sender) : sender_(std::move(sender)) {}
  void send(Bytes message) override {
    if (const auto status = sender_->send(message); status != ipc::Status::ok)
      throw std::runtime_error("send: " + std::string(ipc::to_string(status)));
  }

 private:
  std::unique_ptr<ipc::Sender> sender_;
};

class Named final : public Channel {
 public:
  Named(const ipc::Kind& kind, std::string address) : kind_(kind), address_(std::move(address)) {}
  std::unique_ptr<In> in() override { return std::make_unique<LibraryIn>(kind_.listen(address_)); }
  std::unique_ptr<Out> out() override {
    ipc::Options options;
    options.require_receiver = kind_.traits.durable;
    return std::make_unique<LibraryOut>(kind_.connect(address_, options));
  }

 private:
  const ipc::Kind& kind_;
  std::string address_;
};

// A pair of inherited ends.
class Unnamed final : public Channel {
 public:
  explicit Unnamed(const ipc::Kind& kind) : kind_(kind) {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) throw ipc::Error("pipe2", "", errno);
  }
  ~Unnamed() override {
    for (const int end : ends_) ::close(end);
  }
  std::unique_ptr<In> in() override {
    return std::make_unique<LibraryIn>(kind_.listen("", {.fd = ends_[0]}));
  }
  std::unique_ptr<Out> out() override {
    return std::make_unique<LibraryOut>(kind_.connect("", {.fd = ends_[1]}));
  }

 private:
  const ipc::Kind& kind_;
  std::array<int, 2> ends_{};
};

}  // namespace

std::unique_ptr<Channel> library_channel(const ipc::Kind& kind, const Place& place) {
  if (!kind.traits.named) return std::make_unique<Unnamed>(kind);
  return std::make_unique<Named>(kind, place.directory + "/" + place.name);
}

}  // namespace bench
