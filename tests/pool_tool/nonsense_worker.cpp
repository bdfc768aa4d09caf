// Stands in for a pool-worker. It runs no command but gives each task back as its result, except:
//
//   nonsense        a result that no worker sends, on every attempt
//   nonsense-once   the same on the first attempt only
//   aside           first such a result for a task that it has not got, then its own
//
// It lives on after its nonsense, answers pings and takes tasks.
#include <unistd.h>

#include <string_view>

#include "tests/pool/hand_made_worker.hpp"
#include "tools/pool_tool/protocol.hpp"

namespace {

using ipc::Deadline;
using pool::Envelope;
using pool::Type;
using support::HandMadeWorker;

void send(HandMadeWorker& worker, const Envelope& message) {
  // If the master is gone, the next receive tells.
  (void)worker.master().send(pool::encode(message), Deadline::never());
}

void answer(HandMadeWorker& worker, const Envelope& task) {
  const std::string_view text = pool::as_text(task.body);
  Envelope result = worker.result_of(task);
  Envelope nonsense = result;
  nonsense.about = {{"problem", 7}};
  if (text == "nonsense" || (text == "nonsense-once" && task.attempt == 1))
    return send(worker, nonsense);
  nonsense.task += 1000;
  if (text == "aside") send(worker, nonsense);
  result.body = task.body;
  send(worker, result);
}

}  // namespace

int main(int argc, char** argv) {
  HandMadeWorker worker(argc, argv);
  Envelope hello = worker.envelope(Type::hello);
  hello.about = pool_tool::about_pid(::getpid());
  send(worker, hello);
  for (;;) {
    const ipc::Received received = worker.inbox().receive(Deadline::never());
    if (received.status != ipc::Status::ok) return 0;
    const pool::Decoded decoded = pool::decode(received.message);
    if (!decoded || decoded.envelope->type == Type::stop) return 0;
    if (decoded.envelope->type == Type::ping) send(worker, worker.envelope(Type::pong));
    if (decoded.envelope->type == Type::task) answer(worker, *decoded.envelope);
  }
}
