#include "ipc/sync/list.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include "ipc/sys/file.hpp"
#include "ipc/sys/futex.hpp"
#include "ipc/wire/check.hpp"

namespace ipc::sync {
namespace {

// Relaxed unless something is said: only who has the lock writes, and that orders it.
constexpr auto kRelaxed = std::memory_order_relaxed;
// To give up at once would mean to give up because another is there as well. Nobody needs so long for
// a change who is not stopped, or on a machine that is far too busy.
constexpr auto kGrace = std::chrono::seconds(2);

Terms terms() {
  Terms terms;
  terms.kind = Kind::list;
  return terms;
}

std::uint32_t owner_of(const std::string& path) {
  struct stat about {};
  (void)sys::lstat(path, about, "whose is it?").check(path);
  return about.st_uid;
}

// Of an edition in its place: another's mark, or that of another version, does not fit.
std::uint64_t seal_of(std::uint32_t version, std::uint64_t token, const EditionMark& mark) {
  const std::array<std::uint64_t, 5> words{version, token, mark.size, mark.begin, mark.check};
  return wire::check_of(std::as_bytes(std::span(words)));
}

}  // namespace

// The lock, for as long as this lives.
class List::Change {
 public:
  Change(List& list, Deadline deadline)
      : word_(list.party_.page().lock),
        has_(take(word_, list.party_, std::max(deadline, Deadline::after(kGrace))) !=
             Outcome::timed_out) {}
  Change(const Change&) = delete;
  Change& operator=(const Change&) = delete;
  ~Change() {
    if (has_) give(word_);
  }
  explicit operator bool() const { return has_; }

 private:
  std::atomic<std::uint64_t>& word_;
  bool has_;
};

List::List(const std::string& name)
    : party_(name, terms(), {}), owner_(owner_of(party_.path().full())) {}

Outcome List::push(End end, std::span<const std::string_view> values, Deadline deadline) {
  party_.check();
  const Change change(*this, deadline);
  if (!change) return Outcome::timed_out;
  load();
  std::uint64_t bytes = bytes_of(values_);
  for (const auto value : values) bytes += value.size() + sizeof(std::uint64_t);
  if (bytes > kMostListBytes)
    throw Error(Trouble::limit, EFBIG,
                "push " + party_.path().full() + ": it would be " + std::to_string(bytes) +
                    " bytes, and a list is at most " + std::to_string(kMostListBytes) +
                    "; take something off it");
  if (values.empty()) return Outcome::ok;
  is_loaded_ = false;  // until it is published
  for (const auto value : values)
    if (end == End::back)
      values_.emplace_back(value);
    else
      values_.emplace_front(value);
  publish();
  return Outcome::ok;
}

List::Popped List::pop(End end, std::size_t most, Deadline deadline) {
  party_.check();
  auto& version = party_.state<ListState>().version;
  for (;;) {
    const bool expired = deadline.expired() || party_.is_stopped();
    {
      const Change change(*this, deadline);
      if (!change) return {Outcome::timed_out};
      load();
      if (!values_.empty()) {
        Popped popped{Outcome::ok};
        is_loaded_ = false;
        for (; popped.values.size() < most && !values_.empty();
             end == End::back ? values_.pop_back() : values_.pop_front())
          popped.values.push_back(std::move(end == End::back ? values_.back() : values_.front()));
        publish();
        return popped;
      }
    }
    if (expired) return {Outcome::timed_out};
    party_.sleep(version, edition_, deadline, "until somebody puts something in");
  }
}

Values List::values() {
  party_.check();
  load();
  return values_;
}

Outcome List::clear(Deadline deadline) {
  party_.check();
  const Change change(*this, deadline);
  if (!change) return Outcome::timed_out;
  is_loaded_ = false;
  values_.clear();
  publish();
  return Outcome::ok;
}

// The edition in force is not written to before another has been published; so what is read here is
// of one piece if the version is still the same afterwards.
List::Mark List::mark() const {
  const auto& state = party_.state<ListState>();
  for (;;) {
    // Acquire: pairs with publish(), whose system call comes after its stores.
    const auto version = state.version.load(std::memory_order_acquire);
    const auto& its = state.editions[version % 2];
    const Mark mark{version,
                    state.token.load(kRelaxed),
                    {its.size.load(kRelaxed), its.begin.load(kRelaxed), its.check.load(kRelaxed)}};
    const auto seal = its.seal.load(kRelaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (state.version.load(kRelaxed) != version) continue;
    party_.check();
    const bool is_new = version == 0 && mark.edition.size == 0 && seal == 0;
    if (!is_new && seal != seal_of(version, mark.token, mark.edition))
      complain("somebody has overwritten it");
    return mark;
  }
}

// Brings values_ up to the edition in force; with or without the lock.
void List::load() {
  for (;;) {
    const Mark now = mark();
    if (is_loaded_ && edition_ == now.version) return;
    is_loaded_ = false;
    const auto name = edition_name(now.token, now.version);
    auto read = now.edition.size == 0 ? std::optional<Values>(std::in_place)
                                      : read_edition(name, now.edition);
    if (!read) {
      // Published anew, and the one that we were after is gone; or else somebody has removed it.
      if (party_.state<ListState>().version.load(std::memory_order_acquire) != now.version)
        continue;
      complain("its segment " + edition_path(name) + " is gone; somebody removed it");
    }
    values_ = std::move(*read);
    edition_ = now.version;
    is_loaded_ = true;
    return;
  }
}

// With the lock: what others find from now on is values_.
void List::publish() {
  auto& state = party_.state<ListState>();
  const auto before = state.version.load(kRelaxed);
  const auto next = before + 1;
  const auto its_token = token();
  const auto remove = [&](std::uint32_t number, const char* why) {
    (void)sys::unlink(edition_path(edition_name(its_token, number)), why);
  };
  remove(before - 1, "left if one was killed who had published, and not yet removed it");
  EditionMark mark;
  if (values_.empty())
    remove(next, "left if one was killed who was making it");
  else
    mark = make_edition(edition_name(its_token, next), values_, owner_);

  // Release, all of these: to a reader who sees them, the version that it reads next is not older than
  // what it was before.
  auto& its = state.editions[next % 2];
  its.size.store(mark.size, std::memory_order_release);
  its.begin.store(mark.begin, std::memory_order_release);
  its.check.store(mark.check, std::memory_order_release);
  its.seal.store(seal_of(next, its_token, mark), std::memory_order_release);
  sys::add_and_wake(state.version, 1, "it is in force, and all who wait woken, by this one call");
  remove(before, "it is not in force any more");
  party_.check();
  edition_ = next;
  is_loaded_ = true;
}

// With the lock. Stored before any segment has a name of it, so that every one can be found.
std::uint64_t List::token() {
  auto& token = party_.state<ListState>().token;
  while (token.load(kRelaxed) == 0)
    token.store(std::stoull(sys::random_token(), nullptr, 16), std::memory_order_release);
  return token.load(kRelaxed);
}

void List::complain(const std::string& reason) const {
  throw Error(Trouble::corrupt, EINVAL, "use " + party_.path().full() + ": " + reason);
}

}  // namespace ipc::sync
