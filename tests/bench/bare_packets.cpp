// Mechanisms that keep boundaries, bare: one call sends a message, one receives it. What is longer than
// a queue takes goes in pieces of 8 KiB, which the reader puts together, as anybody would have to.
#include <mqueue.h>
#include <sys/msg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "ipc/sys/fd.hpp"
#include "tests/bench/bare.hpp"

namespace bench {
namespace {

using ipc::sys::Fd;

constexpr std::size_t kPiece = 8192;  // fs.mqueue.msgsize_max and kernel.msgmax, unless raised

void expect_size(std::size_t got, std::size_t wanted) {
  if (got != wanted) throw std::runtime_error("a message of another size");
}

class PacketOut final : public Out {
 public:
  explicit PacketOut(Fd socket) : socket_(std::move(socket)) {}
  void send(Bytes message) override {
    checked(::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL), "send");
  }

 private:
  Fd socket_;
};

class PacketIn final : public In {
 public:
  PacketIn(Fd socket, std::size_t size) : socket_(std::move(socket)), buffer_(size) {}
  Bytes receive() override {
    expect_size(checked(::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC), "recv"),
                buffer_.size());
    return buffer_;
  }

 private:
  Fd socket_;
  std::vector<std::byte> buffer_;
};

class SeqpacketChannel final : public Channel {
 public:
  explicit SeqpacketChannel(std::size_t size) : size_(size) {
    std::array<int, 2> ends{};
    checked(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends.data()), "socketpair");
    in_ = Fd(ends[0]);
    out_ = Fd(ends[1]);
  }
  std::unique_ptr<In> in() override { return std::make_unique<PacketIn>(std::move(in_), size_); }
  std::unique_ptr<Out> out() override { return std::make_unique<PacketOut>(std::move(out_)); }

 private:
  Fd in_;
  Fd out_;
  std::size_t size_;
};

// As services are: the receiver is bound to a name, the sender connected to it, and the queue is
// net.unix.max_dgram_qlen long.
class DgramChannel final : public Channel {
 public:
  DgramChannel(const std::string& path, std::size_t size) : in_(make_socket()), size_(size) {
    address_.sun_family = AF_UNIX;
    if (path.size() >= sizeof address_.sun_path) throw std::length_error(path);
    std::memcpy(address_.sun_path, path.c_str(), path.size() + 1);
    checked(::bind(in_.get(), generic(), sizeof address_), "bind");
  }
  std::unique_ptr<In> in() override { return std::make_unique<PacketIn>(std::move(in_), size_); }
  std::unique_ptr<Out> out() override {
    Fd socket = make_socket();
    checked(::connect(socket.get(), generic(), sizeof address_), "connect");
    return std::make_unique<PacketOut>(std::move(socket));
  }

 private:
  static Fd make_socket() {
    return Fd(static_cast<int>(checked(::socket(AF_UNIX, SOCK_DGRAM, 0), "socket")));
  }
  const sockaddr* generic() const { return reinterpret_cast<const sockaddr*>(&address_); }
  Fd in_;
  sockaddr_un address_{};
  std::size_t size_;
};

// A queue that lasts until its channel is gone, as both processes inherit it.
class MqChannel final : public Channel {
 public:
  MqChannel(const std::string& name, std::size_t size) : size_(size) {
    mq_attr attributes{};
    attributes.mq_maxmsg = 10;
    attributes.mq_msgsize = static_cast<long>(std::min(size, kPiece));
    queue_ = Fd(static_cast<int>(
        checked(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600, &attributes), "mq_open")));
    checked(::mq_unlink(name.c_str()), "mq_unlink");
  }
  std::unique_ptr<In> in() override { return std::make_unique<Reader>(std::move(queue_), size_); }
  std::unique_ptr<Out> out() override { return std::make_unique<Writer>(std::move(queue_)); }

 private:
  struct Writer final : Out {
    explicit Writer(Fd fd) : queue(std::move(fd)) {}
    void send(Bytes message) override {
      for (; !message.empty(); message = message.subspan(std::min(message.size(), kPiece)))
        checked(::mq_send(queue.get(), reinterpret_cast<const char*>(message.data()),
                          std::min(message.size(), kPiece), 0),
                "mq_send");
    }
    Fd queue;
  };
  struct Reader final : In {
    Reader(Fd fd, std::size_t size) : queue(std::move(fd)), buffer(size) {}
    Bytes receive() override {
      for (std::size_t done = 0; done < buffer.size();)
        done += checked(::mq_receive(queue.get(), reinterpret_cast<char*>(&buffer[done]),
                                     std::min(buffer.size(), kPiece), nullptr),
                        "mq_receive");
      return buffer;
    }
    Fd queue;
    std::vector<std::byte> buffer;
  };
  Fd queue_;
  std::size_t size_;
};

class SysvChannel final : public Channel {
 public:
  explicit SysvChannel(std::size_t size)
      : queue_(static_cast<int>(checked(::msgget(IPC_PRIVATE, 0600 | IPC_CREAT), "msgget"))),
        size_(size) {}
  ~SysvChannel() override { ::msgctl(queue_, IPC_RMID, nullptr); }
  std::unique_ptr<In> in() override { return std::make_unique<Reader>(queue_, size_); }
  std::unique_ptr<Out> out() override { return std::make_unique<Writer>(queue_); }

 private:
  // msgsnd(2) and msgrcv(2) want the type before the bytes, so whoever owns a message elsewhere copies.
  struct Letter {
    long type = 1;
    std::array<std::byte, kPiece> bytes;
  };
  struct Writer final : Out {
    explicit Writer(int id) : queue(id) {}
    void send(Bytes message) override {
      for (std::size_t count = 0; !message.empty(); message = message.subspan(count)) {
        count = std::min(message.size(), kPiece);
        std::memcpy(letter.bytes.data(), message.data(), count);
        checked(::msgsnd(queue, &letter, count, 0), "msgsnd");
      }
    }
    int queue;
    Letter letter;
  };
  struct Reader final : In {
    Reader(int id, std::size_t size) : queue(id), buffer(size) {}
    Bytes receive() override {
      for (std::size_t done = 0;;) {
        const auto count = checked(::msgrcv(queue, &letter, kPiece, 0, 0), "msgrcv");
        const Bytes piece = Bytes(letter.bytes).first(count);
        if (count == buffer.size()) return piece;
        std::memcpy(&buffer.at(done), piece.data(), piece.size());
        done += count;
        if (done == buffer.size()) return buffer;
      }
    }
    int queue;
    Letter letter;
    std::vector<std::byte> buffer;
  };
  int queue_;
  std::size_t size_;
};

}  // namespace

std::unique_ptr<Channel> bare_dgram(const std::string& path, std::size_t size) {
  return std::make_unique<DgramChannel>(path, size);
}

std::unique_ptr<Channel> bare_seqpacket(std::size_t size) {
  return std::make_unique<SeqpacketChannel>(size);
}

std::unique_ptr<Channel> bare_mq(const std::string& name, std::size_t size) {
  return std::make_unique<MqChannel>(name, size);
}

std::unique_ptr<Channel> bare_sysv_mq(std::size_t size) {
  return std::make_unique<SysvChannel>(size);
}

}  // namespace bench
