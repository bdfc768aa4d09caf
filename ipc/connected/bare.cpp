#include "ipc/connected/bare.hpp"

#include <cerrno>

#include "ipc/sys/file.hpp"

namespace ipc::connected {

BareReceiver::BareReceiver(Terms terms)
    : Receiver(std::move(terms.address)),
      crowd_(address(), std::move(terms.listener), std::nullopt,
             [this, admit = std::move(terms.admit), most = terms.max_senders,
              longest = terms.max_message](Connection& newcomer) {
               if (crowd_.size() >= most) return false;
               if (!admit(newcomer)) {
                 count_foreign(0);
                 return false;
               }
               newcomer.lines = std::make_unique<wire::Lines>(longest);
               return true;
             }),
      hear_(std::move(terms.hear)) {}

Received BareReceiver::do_receive(Deadline deadline) {
  for (;;) {
    if (std::exchange(last_has_left_, false)) return readiness_.done({Status::closed}, false);
    if (Connection* speaker = crowd_.speaker()) {
      Received received{Status::ok, {}, speaker->peer};
      const auto skipped = speaker->lines->skipped();
      Heard heard{};
      try {
        heard = hear_(*speaker, received.message);
      } catch (...) {  // whatever it was: the turn ends, so that the next call hears the others
        crowd_.failed();
        throw;
      }
      foreign_ += speaker->lines->skipped() - skipped;
      switch (heard) {
        case Heard::frame:
          crowd_.spoke();
          return readiness_.done(received, false);
        case Heard::nothing:
          crowd_.fell_silent();
          break;
        case Heard::foreign:
          count_foreign(0);
          crowd_.spoke();
          break;
        case Heard::ended:
          crowd_.leave();
          last_has_left_ = crowd_.size() == 0 && !crowd_.is_short();
          break;
      }
      continue;
    }
    if (crowd_.next_round(deadline)) continue;
    if (deadline.expired()) return readiness_.done({}, !crowd_.is_short());
  }
}

Heard hear_line(Connection& connection, Bytes& message) {
  wire::Lines& lines = *connection.lines;
  for (;;) {
    if (const auto line = lines.next()) {
      message = *line;
      return Heard::frame;
    }
    const auto got = sys::read(connection.socket.get(), lines.room(), "whatever lines wait");
    if (got.ok() && got.value > 0) {
      lines.filled(got.count());
      continue;
    }
    if (got.error == EAGAIN) return Heard::nothing;
    if (!got.ok() && !is_end(got.error)) got.check("a connection");
    const auto rest = lines.rest();
    if (!rest) return Heard::ended;
    message = *rest;
    return Heard::frame;
  }
}

}  // namespace ipc::connected
