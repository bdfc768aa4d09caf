// Byte streams, bare: 8 bytes of length before each message, one writev(2) for both, and reads of as
// much as a large buffer takes, so that several small messages come out of one.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "ipc/sys/fd.hpp"
#include "tests/bench/bare.hpp"

namespace bench {
namespace {

using ipc::sys::Fd;

class StreamOut final : public Out {
 public:
  explicit StreamOut(Fd stream) : stream_(std::move(stream)) {}
  void send(Bytes message) override {
    std::uint64_t length = message.size();
    std::array parts{iovec{&length, sizeof length},
                     iovec{const_cast<std::byte*>(message.data()), message.size()}};
    for (std::size_t first = 0; first < parts.size();) {
      auto done = checked(
          ::writev(stream_.get(), &parts[first], static_cast<int>(parts.size() - first)), "writev");
      for (; first < parts.size() && done >= parts[first].iov_len; ++first)
        done -= parts[first].iov_len;
      if (done == 0) continue;
      parts[first].iov_base = static_cast<char*>(parts[first].iov_base) + done;
      parts[first].iov_len -= done;
    }
  }

 private:
  Fd stream_;
};

class StreamIn final : public In {
 public:
  StreamIn(Fd stream, std::size_t size)
      : stream_(std::move(stream)),
        buffer_(std::max(std::size_t{256} << 10, 2 * (size + sizeof(std::uint64_t)))) {}
  Bytes receive() override {
    for (;;) {
      std::uint64_t length = 0;
      const std::size_t left = end_ - begin_;
      if (left >= sizeof length) {
        std::memcpy(&length, &buffer_[begin_], sizeof length);
        if (left - sizeof length >= length) {
          const Bytes message(&buffer_[begin_] + sizeof length, length);
          begin_ += sizeof length + length;
          return message;
        }
      }
      fill();
    }
  }

 private:
  void fill() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (begin_ > 0 && buffer_.size() - end_ < buffer_.size() / 2) {
      std::memmove(buffer_.data(), &buffer_[begin_], end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    const auto count =
        checked(::read(stream_.get(), &buffer_[end_], buffer_.size() - end_), "read");
    if (count == 0) throw std::runtime_error("read: end of file");
    end_ += count;
  }

  Fd stream_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Two descriptors that both processes inherit.
class PairChannel final : public Channel {
 public:
  PairChannel(Fd in, Fd out, std::size_t size)
      : in_(std::move(in)), out_(std::move(out)), size_(size) {}
  std::unique_ptr<In> in() override { return std::make_unique<StreamIn>(std::move(in_), size_); }
  std::unique_ptr<Out> out() override { return std::make_unique<StreamOut>(std::move(out_)); }

 private:
  Fd in_;
  Fd out_;
  std::size_t size_;
};

// The listener accepts when the first message is asked for: the sender connects after in().
class TcpIn final : public In {
 public:
  TcpIn(Fd listener, std::size_t size) : listener_(std::move(listener)), size_(size) {}
  Bytes receive() override {
    if (!stream_)
      stream_ = std::make_unique<StreamIn>(
          Fd(static_cast<int>(checked(::accept(listener_.get(), nullptr, nullptr), "accept"))),
          size_);
    return stream_->receive();
  }

 private:
  Fd listener_;
  std::size_t size_;
  std::unique_ptr<StreamIn> stream_;
};

class TcpChannel final : public Channel {
 public:
  explicit TcpChannel(std::size_t size) : listener_(make_socket()), size_(size) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const generic = reinterpret_cast<sockaddr*>(&address_);
    socklen_t length = sizeof address_;
    checked(::bind(listener_.get(), generic, length), "bind");
    checked(::getsockname(listener_.get(), generic, &length), "getsockname");
    checked(::listen(listener_.get(), 1), "listen");
  }
  std::unique_ptr<In> in() override { return std::make_unique<TcpIn>(std::move(listener_), size_); }
  std::unique_ptr<Out> out() override {
    Fd socket = make_socket();
    checked(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_),
            "connect");
    const int on = 1;
    checked(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    return std::make_unique<StreamOut>(std::move(socket));
  }

 private:
  static Fd make_socket() {
    return Fd(static_cast<int>(checked(::socket(AF_INET, SOCK_STREAM, 0), "socket")));
  }
  Fd listener_;
  sockaddr_in address_{};
  std::size_t size_;
};

}  // namespace

std::unique_ptr<Channel> bare_pipe(std::size_t size) {
  std::array<int, 2> ends{};
  checked(::pipe(ends.data()), "pipe");
  return std::make_unique<PairChannel>(Fd(ends[0]), Fd(ends[1]), size);
}

std::unique_ptr<Channel> bare_fifo(const std::string& path, std::size_t size) {
  checked(::mkfifo(path.c_str(), 0600), "mkfifo");
  // For both, so that neither open(2) waits for the other.
  const auto open = [&] {
    return Fd(static_cast<int>(checked(::open(path.c_str(), O_RDWR), "open")));
  };
  return std::make_unique<PairChannel>(open(), open(), size);
}

std::unique_ptr<Channel> bare_stream(std::size_t size) {
  std::array<int, 2> ends{};
  checked(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), "socketpair");
  return std::make_unique<PairChannel>(Fd(ends[0]), Fd(ends[1]), size);
}

std::unique_ptr<Channel> bare_tcp(std::size_t size) {
  return std::make_unique<TcpChannel>(size);
}

}  // namespace bench
