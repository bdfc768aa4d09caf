#include "tools/ipc/guide.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

#include "tools/ipc/limits.hpp"

namespace tools {
namespace {

constexpr std::array kPipeBounds{
    Bound{"fs.pipe-max-size", "in one of them (--capacity), without privileges"},
    Bound{"fs.pipe-user-pages-soft",
          "in all of a user's; beyond, a new one has two, and no more is to be had"},
};
constexpr std::array kDgramBounds{
    Bound{"net.unix.max_dgram_qlen", "and one more, of all senders, wait at a receiver"},
    Bound{"net.core.wmem_default", "of one sender's messages wait"},
};
constexpr std::array kConnectedBounds{
    Bound{"net.core.wmem_default", "of one sender's messages wait"},
    Bound{"net.core.somaxconn", "wait to be accepted"},
    Bound{"RLIMIT_NOFILE", "in the receiver, one for each sender"},
};
constexpr std::array kTcpBounds{
    Bound{"net.ipv4.tcp_wmem", "at a sender, when it has grown"},
    Bound{"net.core.rmem_max",
          "at the receiver for each sender on loopback (256 KiB are asked for)"},
    Bound{"net.ipv4.tcp_rmem", "at the receiver for each on another host, when it has grown"},
    Bound{"net.ipv4.tcp_mem", "in all TCP buffers of this machine"},
    Bound{"net.core.somaxconn", "wait to be accepted"},
    Bound{"RLIMIT_NOFILE", "in the receiver, one for each sender"},
};
constexpr std::array kShmBounds{
    Bound{"/dev/shm", "for all lanes of everybody, 4 MiB for each sender (--capacity)"},
};
constexpr std::array kBoostBounds{
    Bound{"/dev/shm", "for all queues of everybody, 256 KiB for each sender (--capacity)"},
};
constexpr std::array kFileBounds{
    Bound{kNamesDirectory, "for what is unread, at most 64 MiB (--capacity)"},
    Bound{"fs.inotify.max_user_instances", "of one user, of this and all other programs"},
    Bound{"fs.inotify.max_user_watches", "of one user, one for each receiver"},
};
constexpr std::array kMailboxBounds{
    Bound{kNamesDirectory, "for what is unread, at most 64 MiB (--capacity)"},
    Bound{"fs.inotify.max_user_instances", "of one user, of this and all other programs"},
    Bound{"fs.inotify.max_user_watches", "of one user, one for each receiver"},
    Bound{"fs.inotify.max_queued_events", "then the directory is read instead"},
};
constexpr std::array kMmapBounds{
    Bound{kNamesDirectory, "for what is unread, at most 64 MiB of each sender (--capacity)"},
};
constexpr std::array kSysvBounds{
    Bound{"kernel.msgmax", "in one message; 8,192 are used"},
    Bound{"kernel.msgmnb", "in one queue (--capacity)"},
    Bound{"kernel.msgmni", "of all users, one for each receiver"},
};
constexpr std::array kMqBounds{
    Bound{"fs.mqueue.msg_max", "in one queue; 10 are used unless --capacity asks for more"},
    Bound{"fs.mqueue.msgsize_max", "in one message; 8,192 are used"},
    Bound{"fs.mqueue.queues_max", "of all users, one for each receiver"},
    Bound{"RLIMIT_MSGQUEUE", "in all queues of a user, 96 more counted for each message"},
};
constexpr std::array kSignalBounds{
    Bound{"RLIMIT_SIGPENDING", "queued for a user; a receiver uses an eighth at most, and 1,024"},
};

constexpr std::array kGuides{
    Guide{"fifo",
          "Take it for shell scripts: cat and echo speak it too (--bare); not where it matters who "
          "has sent a message.",
          kPipeBounds},
    Guide{
        "pipe",
        "Take it between a process and those that it starts, as in a | b; not where strangers are "
        "to connect, for it has no name.",
        kPipeBounds},
    Guide{"dgram",
          "Take it for services that must know who speaks, and for programs that know datagrams; "
          "not for bursts: eleven messages of all senders fill it.",
          kDgramBounds},
    Guide{"seqpacket",
          "Take it for large messages, and where senders must be known and their ends heard of at "
          "once; not for thousands of senders: each takes a descriptor.",
          kConnectedBounds},
    Guide{"stream",
          "Take it for many small messages: one read brings many; not where other programs are "
          "to keep boundaries (seqpacket does).",
          kConnectedBounds},
    Guide{
        "tcp",
        "Take it for senders on other hosts; not within one, where stream does the same at a third "
        "of the cost, nor among strangers: it proves and hides nothing.",
        kTcpBounds},
    Guide{"shm",
          "Take it where microseconds or gigabytes a second matter and a core may spin for them; "
          "not for programs that are mostly idle.",
          kShmBounds},
    Guide{"file",
          "Take it to keep messages while nobody is there, for many small ones; not for speed: "
          "four system calls each.",
          kFileBounds},
    Guide{"mailbox",
          "Take it to keep messages as files that every program can read; not for many small ones.",
          kMailboxBounds},
    Guide{"mmap",
          "Take it to keep messages while nobody is there, large ones or a great many; not to look "
          "at them with other programs (mailbox), nor where what is unread must fit a small disk.",
          kMmapBounds},
    Guide{"sysv-mq",
          "Take it to talk to old programs (--bare), or to see what an event loop cannot wait for; "
          "not for anything new: 16 KiB are all.",
          kSysvBounds},
    Guide{"mq",
          "Take it where some messages must pass others (--priority); not for dozens of receivers: "
          "a user's quota holds nine of the usual size.",
          kMqBounds},
    Guide{"boost-mq",
          "Take it to see what a lock in shared memory costs when its holder is killed; not where "
          "every finished message counts: shm keeps them, and is faster.",
          kBoostBounds},
    Guide{"signal",
          "Take it to learn what a signal can carry, and to poke a process; not for data: 24 bytes "
          "each.",
          kSignalBounds},
};

}  // namespace

const Guide& guide_to(std::string_view kind) {
  const auto found = std::ranges::find(kGuides, kind, &Guide::kind);
  if (found == kGuides.end())
    throw std::out_of_range("nobody has written a guide to " + std::string(kind));
  return *found;
}

}  // namespace tools
