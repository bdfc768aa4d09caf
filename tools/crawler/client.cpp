#include "tools/crawler/client.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include "ipc/sys/fd.hpp"
#include "tools/crawler/client_http.hpp"

namespace crawler {
namespace {

namespace asio = boost::asio;

constexpr std::size_t most_urls = 1000;  // of a request
constexpr int requests_at_once = 2;

bool is_ignored(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  return action.sa_handler == SIG_IGN;
}

class Crawl {
 public:
  Crawl(std::string socket_path, UrlList& urls, PageOutput& output)
      : socket_path_(std::move(socket_path)), urls_(urls), output_(output) {}

  Finished run(std::optional<std::chrono::milliseconds> timeout) {
    asio::signal_set signals(io_);
    // What our parent had us ignore (nohup) stays ignored.
    for (const int number : {SIGINT, SIGTERM, SIGHUP})
      if (!is_ignored(number)) signals.add(number);
    signals.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      finished_.signal = number;
      io_.stop();
    });
    asio::steady_timer timer(io_);
    if (timeout) {
      timer.expires_after(*timeout);
      timer.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        reason_ = "timed out";
        finished_.ending = Ending::timed_out;
        io_.stop();
      });
    }
    for (int i = 0; i < requests_at_once; ++i)
      asio::co_spawn(io_, lane(), [this](const std::exception_ptr& error) { lane_ended(error); });
    io_.run();
    if (error_) std::rethrow_exception(error_);
    tell_ending();
    return finished_;
  }

 private:
  /// One request after the other until the list is at its end.
  asio::awaitable<void> lane() {
    while (finished_.ending == Ending::done) {
      std::vector<std::string> urls = urls_.take(urls_per_request_);
      if (urls.empty()) co_return;
      missing_ += urls.size();
      co_await ask(std::move(urls));
    }
  }

  asio::awaitable<void> ask(std::vector<std::string> urls) {
    std::size_t open = urls.size();
    bool is_too_long = false;
    try {
      co_await ask_pages(socket_path_, urls, [this, &open](std::string_view line) {
        if (open == 0) throw DaemonGone("more answers than questions");
        --open;
        --missing_;
        take(line);
      });
      if (open != 0) throw DaemonGone("the answer ended early");
    } catch (const TooLong&) {
      if (urls.size() == 1) throw;
      is_too_long = true;
    }
    if (!is_too_long) co_return;
    // The daemon is configured to take shorter lists.
    const std::size_t half = (urls.size() + 1) / 2;
    urls_per_request_ = std::min(urls_per_request_, half);
    std::vector<std::string> rest(urls.begin() + static_cast<std::ptrdiff_t>(half), urls.end());
    urls.resize(half);
    co_await ask(std::move(urls));
    co_await ask(std::move(rest));
  }

  void lane_ended(const std::exception_ptr& error) {
    ++ended_;
    if (error) judge(error);
    // What the other one was promised may still come, unless nobody could take it.
    if (ended_ == requests_at_once || finished_.is_output_closed || error_) io_.stop();
  }

  void judge(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const OutputClosed&) {
      finished_.is_output_closed = true;
    } catch (const DaemonGone& gone) {
      lose_daemon(std::string("the daemon is gone (") + gone.what() + ")");
    } catch (const Refused& refused) {
      lose_daemon(refused.what());
    } catch (const NoDaemon& absent) {
      if (has_answers_)
        lose_daemon(std::string("the daemon is gone (") + absent.what() + ")");
      else
        error_ = error;
    } catch (const std::system_error&) {
      error_ = error;
    }
  }

  void lose_daemon(std::string reason) {
    if (finished_.ending != Ending::done) return;  // the first reason is the one to tell
    reason_ = std::move(reason);
    finished_.ending = Ending::daemon_gone;
  }

  void tell_ending() {
    if (finished_.ending == Ending::done) {
      if (has_failures_) finished_.ending = Ending::pages_failed;
      return;
    }
    const std::string rest =
        urls_.may_have_more() ? ", and the rest of the list was not asked for" : "";
    std::fprintf(stderr, "crawl: %s; %zu %s missing%s\n", harmless(reason_).c_str(), missing_,
                 missing_ == 1 ? "page is" : "pages are", rest.c_str());
  }

  void take(std::string_view line) {
    const Read<Outcome> outcome = read_line(line);
    if (!outcome) throw DaemonGone("an answer makes no sense: " + outcome.problem);
    has_answers_ = true;
    output_.put(line, *outcome.value);
    const Page& page = outcome.value->page;
    if (page.status == Fate::ok) return;
    has_failures_ = true;
    std::fprintf(stderr, "crawl: %s: %s%s%s\n", harmless(outcome.value->url).c_str(),
                 page.error.c_str(), page.detail.empty() ? "" : ": ",
                 harmless(page.detail).c_str());
  }

  asio::io_context io_{1};
  std::string socket_path_;
  UrlList& urls_;
  PageOutput& output_;
  Finished finished_;
  std::exception_ptr error_;
  std::string reason_;  // of an ending before the end
  bool has_answers_ = false;
  std::size_t urls_per_request_ = most_urls;
  std::size_t missing_ = 0;
  int ended_ = 0;
  bool has_failures_ = false;
};

}  // namespace

Finished crawl(const std::string& socket_path, UrlList& urls, PageOutput& output,
               std::optional<std::chrono::milliseconds> timeout) {
  return Crawl(socket_path, urls, output).run(timeout);
}

bool is_answered(const std::string& socket_path) {
  bool is_there = false;
  asio::io_context io(1);
  asio::co_spawn(io, knock(socket_path),
                 [&is_there](const std::exception_ptr& error) { is_there = !error; });
  io.run();
  return is_there;
}

std::string stop_daemon(const std::string& socket_path) {
  std::string total;
  std::exception_ptr failure;
  // The pid is proven to be the daemon's by the open connection, and the pidfd stays its own.
  const auto signal_it = [](pid_t pid) {
    const ipc::sys::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!pidfd.is_open() ||
        ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGUSR1, nullptr, 0) == -1)
      throw std::system_error(errno, std::generic_category(),
                              "signal the daemon, pid " + std::to_string(pid));
  };
  asio::io_context io(1);
  asio::co_spawn(io, ask_total(socket_path, signal_it),
                 [&](const std::exception_ptr& error, std::string line) {
                   failure = error;
                   total = std::move(line);
                 });
  io.run();
  if (failure) std::rethrow_exception(failure);
  if (total.empty()) throw DaemonGone("the daemon ended without a total");
  return total;
}

}  // namespace crawler
