#include "tools/crawler/fetch.hpp"

#include <algorithm>
#include <deque>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include <curl/curl.h>

#include "tools/crawler/fetch_alarms.hpp"
#include "tools/crawler/fetch_transfer.hpp"
#include "tools/crawler/fetch_turns.hpp"

namespace crawler {
namespace {

using Clock = ipc::Deadline::Clock;
using Phase = Transfer::Phase;

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// libcurl is set up once per process, before its first use, see curl_global_init(3).
void set_up_libcurl() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (result != CURLE_OK) throw std::runtime_error(curl_easy_strerror(result));
}

void check(const char* call, CURLMcode result) {
  if (result != CURLM_OK)
    throw std::runtime_error(std::string(call) + ": " + curl_multi_strerror(result));
}

}  // namespace

// A page's way: start → request (its turn at the host, perhaps after waiting) → launch → the phases
// of a transfer → leave_host → conclude, which is the next request after a redirect, else finish.
class Fetcher::Loop {
 public:
  explicit Loop(const Limits& limits);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start(std::uint64_t id, const std::string& url);
  void wait(std::span<Watched> watched, ipc::Deadline deadline);
  std::optional<Fetched> next();
  std::size_t underway() const { return transfers_.size() - idle_.size() + done_.size(); }

 private:
  Transfer& idle_transfer();
  void request(Transfer& transfer, const std::string& url);
  void launch(Transfer& transfer);
  void enter(Transfer& transfer, Phase phase);
  void leave_host(Transfer& transfer);
  void conclude(Transfer& transfer, std::optional<Failure> failure);
  void finish(Transfer& transfer, std::optional<Failure> failure);
  void stop(Transfer& transfer, Failure failure);

  void perform();
  void ring_alarms();
  void judge_speed(Transfer& transfer);
  ipc::Deadline soonest(ipc::Deadline deadline);
  bool poll(std::span<Watched> watched, ipc::Deadline deadline);

  const Limits limits_;
  std::unique_ptr<curl_slist, ListDeleter> headers_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::vector<std::unique_ptr<Transfer>> transfers_;
  std::vector<Transfer*> idle_;
  Turns<Transfer> turns_;
  std::deque<Fetched> done_;
  std::vector<curl_waitfd> polled_;
  std::uint64_t tokens_ = 0;
  Alarms<Transfer> connect_alarms_, first_byte_alarms_, speed_alarms_, total_alarms_;
};

Fetcher::Loop::Loop(const Limits& limits)
    : limits_(limits),
      turns_(limits.per_host),
      connect_alarms_(limits.connect_time, &Transfer::step),
      first_byte_alarms_(limits.first_byte_time, &Transfer::step),
      speed_alarms_(limits.low_speed_time, &Transfer::step),
      total_alarms_(limits.total_time, &Transfer::task) {
  set_up_libcurl();
  multi_.reset(curl_multi_init());
  headers_.reset(curl_slist_append(
      nullptr, "Accept: text/html,application/xhtml+xml,text/plain;q=0.9,*/*;q=0.5"));
  if (!multi_ || !headers_) throw std::bad_alloc();
  check("curl_multi_setopt",
        curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS, static_cast<long>(limits_.slots)));
}

Fetcher::Loop::~Loop() {
  for (const auto& transfer : transfers_) curl_multi_remove_handle(multi_.get(), transfer->easy());
}

void Fetcher::Loop::start(std::uint64_t id, const std::string& url) {
  Transfer& transfer = idle_transfer();
  transfer.begin(id);
  transfer.task = ++tokens_;
  request(transfer, url);
}

Transfer& Fetcher::Loop::idle_transfer() {
  if (idle_.empty()) {
    transfers_.push_back(std::make_unique<Transfer>(
        limits_, headers_.get(), [this](Transfer& who, Phase phase) { enter(who, phase); }));
    idle_.push_back(transfers_.back().get());
  }
  Transfer& transfer = *idle_.back();
  idle_.pop_back();
  return transfer;
}

void Fetcher::Loop::request(Transfer& transfer, const std::string& url) {
  std::optional<Failure> failure = transfer.target.set(url, limits_.url_length);
  transfer.result.url = transfer.target.url;
  if (failure) return finish(transfer, std::move(failure));
  transfer.phase = Phase::queued;
  // One that comes by a redirect has waited before.
  if (turns_.come(transfer.target.host, transfer, transfer.had_turn)) launch(transfer);
}

void Fetcher::Loop::launch(Transfer& transfer) {
  if (!transfer.had_turn) {
    transfer.had_turn = true;
    transfer.turn = Clock::now();
    total_alarms_.set(transfer);
  }
  transfer.aim();
  enter(transfer, Phase::connecting);
  check("curl_multi_add_handle", curl_multi_add_handle(multi_.get(), transfer.easy()));
}

void Fetcher::Loop::enter(Transfer& transfer, Phase phase) {
  transfer.phase = phase;
  transfer.step = ++tokens_;
  if (phase == Phase::connecting) connect_alarms_.set(transfer);
  if (phase == Phase::waiting) first_byte_alarms_.set(transfer);
  if (phase == Phase::receiving) {
    transfer.window_bytes = transfer.received();
    speed_alarms_.set(transfer);
  }
}

void Fetcher::Loop::leave_host(Transfer& transfer) {
  const std::string& host = transfer.target.host;
  if (transfer.phase == Phase::queued) return turns_.give_up(host, transfer);
  curl_multi_remove_handle(multi_.get(), transfer.easy());
  if (Transfer* following = turns_.leave(host)) launch(*following);
}

void Fetcher::Loop::conclude(Transfer& transfer, std::optional<Failure> failure) {
  // An error or a redirect is known with its headers, whatever becomes of its body.
  if (!transfer.is_settled()) return finish(transfer, std::move(failure));
  if (!transfer.is_redirect()) {
    curl_off_t seconds = 0;
    curl_easy_getinfo(transfer.easy(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) transfer.result.retry_after = std::chrono::seconds(seconds);
    const std::string status = std::to_string(transfer.result.http_status);
    return finish(transfer, Failure{"http-" + status, "the server answered " + status});
  }
  if (transfer.location().empty())
    return finish(transfer, Failure{"redirects", "a redirect without a target"});
  if (transfer.redirects++ == limits_.redirects)
    return finish(transfer, Failure{"redirects", "more than " + std::to_string(limits_.redirects) +
                                                     " redirects"});
  if (Clock::now() - transfer.turn >= limits_.total_time)
    return finish(transfer, Failure{"timeout", "not done within total_time"});
  transfer.result.is_redirected = true;
  request(transfer, transfer.target.resolve(transfer.location()));
}

void Fetcher::Loop::finish(Transfer& transfer, std::optional<Failure> failure) {
  Fetched& result = transfer.result;
  if (transfer.had_turn)
    result.took =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - transfer.turn);
  if (failure) {
    result.error = std::move(failure->word);
    result.detail = std::move(failure->detail);
    result.body = std::string();
  }
  transfer.task = transfer.step = 0;  // calls all its alarms off
  done_.push_back(std::move(result));
  idle_.push_back(&transfer);
}

void Fetcher::Loop::stop(Transfer& transfer, Failure failure) {
  leave_host(transfer);
  conclude(transfer, std::move(failure));
}

void Fetcher::Loop::wait(std::span<Watched> watched, ipc::Deadline deadline) {
  for (;;) {
    perform();
    const bool is_over = !done_.empty() || deadline.expired();
    const bool is_readable = poll(watched, is_over ? ipc::Deadline::at_once() : soonest(deadline));
    if (is_over || is_readable) return;
  }
}

void Fetcher::Loop::perform() {
  int running = 0;
  check("curl_multi_perform", curl_multi_perform(multi_.get(), &running));
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Transfer& transfer = Transfer::of(message->easy_handle);
    // Asked first: the message is gone with the handle's removal.
    std::optional<Failure> failure = transfer.failure(message->data.result);
    leave_host(transfer);
    conclude(transfer, std::move(failure));
  }
  // Only now, after what has arrived was read: a process that was stopped for a while must not
  // blame the servers.
  ring_alarms();
}

void Fetcher::Loop::ring_alarms() {
  const Clock::time_point now = Clock::now();
  connect_alarms_.expire(now, [&](Transfer& transfer) {
    stop(transfer, {"connect-timeout", "not connected within connect_time"});
  });
  first_byte_alarms_.expire(now, [&](Transfer& transfer) {
    if (transfer.has_first_byte()) return enter(transfer, Phase::receiving);
    stop(transfer, {"first-byte-timeout", "no answer within first_byte_time"});
  });
  speed_alarms_.expire(now, [&](Transfer& transfer) { judge_speed(transfer); });
  total_alarms_.expire(now, [&](Transfer& transfer) {
    stop(transfer, {"timeout", "not done within total_time"});
  });
}

void Fetcher::Loop::judge_speed(Transfer& transfer) {
  const auto seconds = static_cast<double>(limits_.low_speed_time.count()) / 1000;
  const std::uint64_t got = transfer.received() - transfer.window_bytes;
  if (static_cast<double>(got) >= static_cast<double>(limits_.low_speed) * seconds)
    return enter(transfer, Phase::receiving);
  stop(transfer, {"too-slow", std::to_string(got) + " bytes within low_speed_time"});
}

ipc::Deadline Fetcher::Loop::soonest(ipc::Deadline deadline) {
  for (auto* alarms : {&connect_alarms_, &first_byte_alarms_, &speed_alarms_, &total_alarms_})
    if (const auto due = alarms->next()) deadline = std::min(deadline, ipc::Deadline::at(*due));
  return deadline;
}

bool Fetcher::Loop::poll(std::span<Watched> watched, ipc::Deadline deadline) {
  polled_.clear();
  for (const Watched& each : watched) polled_.push_back({each.fd, CURL_WAIT_POLLIN, 0});
  // Rounded up: a millisecond early would be a turn of the loop for nothing. Cut to a minute, for
  // never() does not fit into an int.
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
      std::min<std::chrono::nanoseconds>(deadline.left(), std::chrono::minutes(1)));
  check("curl_multi_poll",
        curl_multi_poll(multi_.get(), polled_.data(), static_cast<unsigned>(polled_.size()),
                        static_cast<int>(left.count()), nullptr));
  bool is_any = false;
  for (std::size_t i = 0; i < polled_.size(); ++i)
    is_any |= watched[i].readable = polled_[i].revents != 0;
  return is_any;
}

std::optional<Fetched> Fetcher::Loop::next() {
  if (done_.empty()) return std::nullopt;
  Fetched result = std::move(done_.front());
  done_.pop_front();
  return result;
}

Fetcher::Fetcher(const Limits& limits) : loop_(std::make_unique<Loop>(limits)) {}
Fetcher::~Fetcher() = default;
void Fetcher::start(std::uint64_t id, const std::string& url) {
  loop_->start(id, url);
}
void Fetcher::wait(std::span<Watched> watched, ipc::Deadline deadline) {
  loop_->wait(watched, deadline);
}
std::optional<Fetched> Fetcher::next() {
  return loop_->next();
}
std::size_t Fetcher::underway() const {
  return loop_->underway();
}

}  // namespace crawler
