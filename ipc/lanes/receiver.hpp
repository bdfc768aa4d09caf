// Receives from the lanes of a segment.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "ipc/framed/inbox.hpp"
#include "ipc/framed/readiness.hpp"
#include "ipc/lanes/segment.hpp"
#include "ipc/sys/bell.hpp"
#include "ipc/sys/fd.hpp"
#include "ipc/sys/inotify.hpp"
#include "ipc/transport.hpp"

namespace ipc::lanes {

/// What its owner has taken for it: the name, the slots, the segment.
struct Holding {
  std::span<sys::Slot> slots;
  std::function<bool(std::uint32_t)> lives;
  std::function<bool()> any_lives;
  std::size_t max_message;
  std::string bell_path;
  mode_t mode;
  /// Of lanes in a file, which outlive their receiver; null in memory.
  sys::DurableState* durable = nullptr;
  bool sync = false;  ///< What is consumed stays consumed over a power cut.
  /// Whether its file has a link that somebody may remove; one of memfd_create(2) never has.
  bool is_linked = true;
};

class LaneReceiver : public Receiver {
 public:
  /// `keep` is whatever holds the name; it is let go last.
  LaneReceiver(std::string address, Holding holding, sys::Fd file, Segment segment,
               std::shared_ptr<void> keep);
  ~LaneReceiver() override;

 private:
  // One lane that has, or had, a sender.
  struct Reader {
    std::uint32_t slot;
    MappedLane memory;
    wire::Consumer<> consumer;
    std::uint64_t punched = 0;                 ///< In a file: what lies before has been given back.
    std::uint64_t sender = ~std::uint64_t{0};  ///< Whose record was the last; nobody's yet.
    bool assembling = false;                   ///< ... and whether it was a part of a message.
  };

  Received do_receive(Deadline) override;
  Received receive_any(Deadline, bool has_spun);
  int do_readiness_fd() override;
  std::uint64_t do_foreign_bytes() const override;

  bool is_plain(const Reader& reader, const wire::Record& record) const;
  Received show(const Reader& reader, const wire::Record& record);
  bool was_taken(const wire::Frame& frame) const;
  bool look_around();
  void give_back();
  void release(Reader& reader, std::size_t record_size);
  std::optional<Received> take();
  std::optional<Received> accept(Reader& reader, const wire::Record& record);
  bool see_newcomers();
  bool find_lanes();
  bool anything_published();
  bool wait_awake();
  void make_room_known(Reader& reader);
  void fall_asleep(Sleep how);
  Received done(Received received);

  std::shared_ptr<void> keep_;
  Holding holding_;
  sys::Fd file_;
  Segment segment_;
  framed::Inbox inbox_;
  std::vector<Reader> readers_;
  std::uint64_t known_[64] = {};  ///< The bits of SegmentHeader::used that have a reader.
  std::size_t current_ = 0;       ///< The reader whose turn it is ...
  unsigned turn_ = 0;             ///< ... and how many records it has had.
  std::size_t shown_ = 0;         ///< Of the record that the last receive returned: still there.
  std::optional<std::uint32_t> nudges_;  ///< SegmentHeader::nudges at the last look.
  std::size_t half_;                     ///< Of what may be unread in a lane.
  std::uint64_t foreign_ = 0;
  sys::Bell bell_;
  std::optional<sys::Watch>
      watch_;  ///< On a file, for who sleeps in poll(2) with nobody connected.
  framed::Readiness readiness_;
};

}  // namespace ipc::lanes
