#include "tools/ipc/contract.hpp"

#include <array>

namespace tools {
namespace {

struct Mark {
  std::string_view kind;
  std::string_view sentence;
  std::string_view mark;
};

constexpr std::array<std::string_view, 15> kSentences{
    "1 whole, in order",
    "2 0 bytes to 16 MiB",
    "3 many senders",
    "4 waits, deadlines",
    "5 view stays",
    "6 ends are told",
    "7 killed at any instant",
    "8 one receiver",
    "9 signals",
    "10 private, nothing left",
    "11 limits",
    "foreign bytes",
    "forks",
    "`taken`",
    "peer's pid and uid proven",
};

// Only what is not a plain "+".
constexpr std::array kMarks{
    Mark{"fifo", "peer's pid and uid proven", "–"},
    Mark{"pipe", "2 0 bytes to 16 MiB", "+ a"},
    Mark{"pipe", "3 many senders", "+ a"},
    Mark{"pipe", "6 ends are told", "+ b, c, d, l"},
    Mark{"pipe", "8 one receiver", "e"},
    Mark{"pipe", "forks", "d"},
    Mark{"pipe", "`taken`", "– f"},
    Mark{"pipe", "peer's pid and uid proven", "–"},
    Mark{"tcp", "6 ends are told", "+ k"},
    Mark{"tcp", "foreign bytes", "–"},
    Mark{"tcp", "forks", "k"},
    Mark{"tcp", "peer's pid and uid proven", "–"},
    Mark{"shm", "foreign bytes", "–"},
    Mark{"shm", "peer's pid and uid proven", "–"},
    Mark{"file", "6 ends are told", "+ g, h"},
    Mark{"file", "7 killed at any instant", "+ g"},
    Mark{"file", "8 one receiver", "+ i"},
    Mark{"file", "10 private, nothing left", "+ j"},
    Mark{"file", "foreign bytes", "–"},
    Mark{"file", "peer's pid and uid proven", "–"},
    Mark{"mailbox", "6 ends are told", "+ g, h"},
    Mark{"mailbox", "7 killed at any instant", "+ g"},
    Mark{"mailbox", "8 one receiver", "+ i"},
    Mark{"mailbox", "10 private, nothing left", "+ j"},
    Mark{"mailbox", "foreign bytes", "–"},
    Mark{"mailbox", "peer's pid and uid proven", "–"},
    Mark{"mmap", "6 ends are told", "+ g, h"},
    Mark{"mmap", "7 killed at any instant", "+ g"},
    Mark{"mmap", "8 one receiver", "+ i"},
    Mark{"mmap", "10 private, nothing left", "+ j"},
    Mark{"mmap", "foreign bytes", "–"},
    Mark{"mmap", "peer's pid and uid proven", "–"},
    Mark{"sysv-mq", "foreign bytes", "–"},
    Mark{"sysv-mq", "peer's pid and uid proven", "–"},
    Mark{"mq", "foreign bytes", "–"},
    Mark{"mq", "peer's pid and uid proven", "–"},
    Mark{"boost-mq", "7 killed at any instant", "+ m"},
    Mark{"boost-mq", "foreign bytes", "–"},
    Mark{"boost-mq", "peer's pid and uid proven", "–"},
    Mark{"signal", "foreign bytes", "–"},
    Mark{"signal", "peer's pid and uid proven", "–"},
};

constexpr std::array kDeviations{
    Deviation{
        'a', "named = false",
        "`max_message` and `max_senders` cannot be chosen, because there is no page on which the "
        "receiver could tell them; they are 16 MiB and 64."},
    Deviation{
        'b', "named = false",
        "a goodbye is a frame, for which a sender waits 100 ms at most. If the channel stays full "
        "for longer, its good end is told as a death."},
    Deviation{'c', "named = false",
              "a sender that finds the channel full when it connects is not known before its first "
              "message fits; if it is killed until then, no death is told."},
    Deviation{
        'd', "named = false",
        "what has no name has nothing but its open ends. A forked child that lives on holds those "
        "it inherited, and its dead parent is told as dead when the child has ended too. Programs "
        "that are started (exec) inherit none."},
    Deviation{
        'e', "named = false",
        "no address, so no take-over; a second receiver of the same pipe is refused, its holder "
        "not named."},
    Deviation{'f', "acknowledges = false", "`taken` throws `ENOTSUP`."},
    Deviation{
        'g', "durable, at_least_once",
        "there is one life for all receivers. What one of them has not read is read by the next, "
        "and a receiver that is killed may cause one message to come twice. A sender that "
        "connects with `Options::require_receiver` is told `closed` when the receiver that it met "
        "has ended, and `connect` is refused while there is none, as everywhere; so the suite "
        "does it."},
    Deviation{
        'h', "durable, needs_receiver = false",
        "without that option `connect` makes what is missing, and a send succeeds with nobody "
        "there, until `capacity` bytes are unread (`mmap`: in the lane of that sender); then it "
        "says `closed` if no receiver lives. A message is begun when there is room for all of it, "
        "so none is ever told as `unfinished`."},
    Deviation{
        'i', "durable",
        "what may hold unread messages does not give way to a receiver of another kind; receive "
        "or `remove` them first."},
    Deviation{'j', "durable",
              "what is unread stays after good ends, and so does what is empty while anybody is "
              "connected. The last one that leaves in good order removes what is empty."},
    Deviation{
        'k', "many_hosts",
        "at a NAME, on one host, all holds. At HOST:PORT a sender that finds the receiver's lease "
        "is like one at a name; one that does not, on another host or as another user, takes its "
        "place over the connection: its goodbye is a frame, for which it waits a second at most; "
        "a host that is lost is told after five seconds of silence; and a forked child that lives "
        "on with an inherited connection or listener holds it open. `tests/kinds/tcp_test` "
        "shows the place taken over the connection, its ends, and that a receiver which does not "
        "read is not taken for a lost host."},
    Deviation{
        'l', "named = false",
        "when no write end of an inherited pipe is open anywhere, that is told by a `closed` with "
        "`for_good`, of its own if the last sender's end was told before. After it nobody can "
        "come: a `receive` with a deadline waits it out, one without throws `EPIPE` instead of "
        "waiting for ever (`tests/kinds/streams_test`)."},
    Deviation{
        'm', "may_lose",
        "a sender that is killed in a moment in which it has its queue's lock makes the queue "
        "unreadable for ever. What it had sent and the receiver had not taken yet, at most what "
        "the "
        "queue holds, is lost with its unfinished message. Its death is told as always, and no "
        "other sender is harmed. `tests/kinds/boost_mq_test` shows it."},
};

}  // namespace

std::span<const std::string_view> contract_sentences() {
  return kSentences;
}

std::string_view contract_mark(std::string_view kind, std::string_view sentence) {
  for (const Mark& each : kMarks)
    if (each.kind == kind && each.sentence == sentence) return each.mark;
  return "+";
}

std::span<const Deviation> contract_deviations() {
  return kDeviations;
}

}  // namespace tools
