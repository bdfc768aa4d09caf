#include "tools/crawler/crawlerd_daemon.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "tools/crawler/front_door.hpp"
#include "tools/crawler/master.hpp"
#include "tools/crawler/places.hpp"

namespace crawler {
namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using boost::system::error_code;
using ipc::sys::Fd;

namespace {

constexpr std::array handled{SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP};

sigset_t handled_set() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int number : handled) ::sigaddset(&set, number);
  return set;
}

Fd open_signals() {
  const sigset_t set = handled_set();
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.is_open()) throw ipc::Error("signalfd", "signals", errno);
  return fd;
}

/// A client costs a descriptor, and the usual soft limit is 1024. What is started from here with more
/// than that could trip over select(2); workers do not use it.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &limit) == -1)
      spdlog::warn("the limit on descriptors stays at its soft value: {}", std::strerror(errno));
  }
}

Config load(const ConfigSource& source) {
  Config config = load_config(source);
  if (config.socket.empty()) config.socket = default_socket();
  if (config.run_directory.empty()) config.run_directory = default_runs();
  if (config.worker.empty())
    config.worker =
        std::filesystem::read_symlink("/proc/self/exe").parent_path() / "crawler-worker";
  if (::access(config.worker.c_str(), X_OK) == -1)
    throw ConfigError("worker program " + config.worker + ": " + std::strerror(errno) +
                      " (name another with --worker)");
  return config;
}

void write_all(int fd, const std::string& text) {
  // A reader that is gone already is no reason to fail: SIGPIPE is ignored.
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(fd, text.data() + done, text.size() - done);
    if (count == -1 && errno != EINTR) return;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
}

class Daemon {
 public:
  Daemon(asio::io_context& loop, const DaemonOptions& options)
      : loop_(loop),
        options_(options),
        config_(load(options.source)),
        signals_(loop, open_signals().release()),
        lifeline_(loop),
        door_(loop.get_executor(), desk(), config_) {
    spdlog::set_level(spdlog::level::from_str(config_.log));
    raise_descriptor_limit();
    prepare_place(config_.socket);
    door_.listen_unix(config_.socket);
    if (!config_.listen.empty()) port_ = door_.listen_tcp(parse_endpoint(config_.listen));
    sweep();
    master_.emplace(loop.get_executor(), config_, config_.worker);
    master_->on_answered = [this] { answered(); };
    master_->on_ended = [this] { part_done(workers_ended_); };
  }

  void start() {
    master_->start();
    watch_signals();
    if (options_.lifeline_fd) watch_lifeline();
    announce();
  }

  const Totals& totals() const { return master_->totals(); }
  bool has_failed() const { return !master_->failure().empty(); }

 private:
  Desk desk() {
    return {.submit = [this](auto request) { return master_->submit(std::move(request)); },
            .abandon = [this](const Request& request) { master_->abandon(request); },
            .read = [this] { master_->look(); },
            .status = [this] { return status(); }};
  }

  boost::json::object status() const {
    boost::json::object status = master_->status();
    status["socket"] = config_.socket;
    if (port_ != 0) status["port"] = port_;
    return status;
  }

  void sweep() {
    std::vector<std::string> problems;
    for (const std::string& run : pool::sweep_runs(config_.run_directory, problems))
      spdlog::info("removed what the dead daemon of run {} left", run);
    for (const std::string& problem : problems) spdlog::warn("{}", problem);
  }

  void announce() {
    const auto pid = std::to_string(::getpid());
    std::string line = "crawlerd " + pid + ": " + std::to_string(config_.workers) +
                       " workers over " + config_.transport + ", socket " + config_.socket;
    if (port_ != 0) {
      const auto host = parse_endpoint(config_.listen).host;
      line += ", http://" + (host == "::1" ? "[::1]" : host) + ":" + std::to_string(port_) + "/";
    }
    // Who wants to hear of warnings only has no use for it; a client's private daemon is such a case.
    if (spdlog::should_log(spdlog::level::info))
      write_all(STDERR_FILENO, line + "; text: crawl URL; stop: kill -USR1 " + pid + "\n");
    if (options_.ready_fd) {
      write_all(*options_.ready_fd, "ready\n");
      ::close(*options_.ready_fd);
    }
  }

  void watch_signals() {
    signals_.async_wait(stream_descriptor::wait_read, [this](error_code error) {
      if (error) return;
      signalfd_siginfo info{};
      while (::read(signals_.native_handle(), &info, sizeof info) == sizeof info)
        signalled(static_cast<int>(info.ssi_signo), static_cast<pid_t>(info.ssi_pid));
      watch_signals();
    });
  }

  void signalled(int number, pid_t sender) {
    switch (number) {
      case SIGUSR2:
        spdlog::info("status: {}", boost::json::serialize(status()));
        return;
      case SIGHUP:
        return reload();
      default:
        break;
    }
    const bool again = number == SIGTERM && terminated_;
    terminated_ = terminated_ || number == SIGTERM;
    const bool fast = number == SIGINT || again;
    if (!master_->is_stopping())
      spdlog::info("stopping: SIG{} from pid {}", ::sigabbrev_np(number), sender);
    else if (fast)
      spdlog::info("stopping at once: SIG{} from pid {}", ::sigabbrev_np(number), sender);
    master_->stop(fast);
  }

  void watch_lifeline() {
    lifeline_.assign(*options_.lifeline_fd);
    lifeline_.async_wait(stream_descriptor::wait_read, [this](error_code error) {
      if (error) return;
      spdlog::info("stopping: the program that started this daemon has ended");
      master_->stop(true);
    });
  }

  void reload() {
    if (!options_.source.file)
      return spdlog::warn("SIGHUP: there is no configuration file to read");
    const auto refuse = [](const std::exception& error) {
      spdlog::error("the old configuration stays: {}", error.what());
    };
    try {
      const Config fresh = load(options_.source);
      const auto fixed = [&](const char* key, std::string Config::*member) {
        if (fresh.*member != config_.*member) spdlog::warn("{} is changed by a restart only", key);
      };
      fixed("transport", &Config::transport);
      fixed("socket", &Config::socket);
      fixed("listen", &Config::listen);
      fixed("run_directory", &Config::run_directory);
      fixed("worker", &Config::worker);
      spdlog::set_level(spdlog::level::from_str(fresh.log));
      master_->reconfigure(fresh);
      door_.reconfigure(fresh);
      spdlog::info("configuration read again: {} workers", fresh.workers);
    } catch (const ConfigError& error) {
      refuse(error);
    } catch (const ipc::Error& error) {  // more workers than the transport has room for
      refuse(error);
    }
  }

  /// Every URL has its answer; clients get a moment to read theirs while the workers end.
  void answered() {
    door_.tell_total(master_->totals().line());
    door_.flush(config_.flush_time, [this] { part_done(answers_read_); });
  }

  void part_done(bool& part) {
    part = true;
    if (workers_ended_ && answers_read_) loop_.stop();
  }

  asio::io_context& loop_;
  DaemonOptions options_;
  Config config_;
  stream_descriptor signals_, lifeline_;
  FrontDoor door_;
  std::optional<Master> master_;
  std::uint16_t port_ = 0;
  bool terminated_ = false, workers_ended_ = false, answers_read_ = false;
};

}  // namespace

void block_signals() {
  const sigset_t set = handled_set();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  // One that was ignored when this program was started would not be told by a signalfd.
  for (const int number : handled) ::signal(number, SIG_DFL);
  ::signal(SIGPIPE, SIG_IGN);
  // Ignored by a parent, it would have us never learn how workers ended.
  ::signal(SIGCHLD, SIG_DFL);
}

int run_daemon(const DaemonOptions& options) {
  auto log = spdlog::stderr_logger_st("crawlerd");
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e %l crawlerd: %v");
  spdlog::set_default_logger(log);

  Totals totals;
  bool has_failed = false;
  {
    asio::io_context loop(1);  // one thread: no locks
    Daemon daemon(loop, options);
    daemon.start();
    loop.run();
    totals = daemon.totals();
    has_failed = daemon.has_failed();
  }
  // Last: whoever reads it knows that nothing of this daemon is left but this process.
  write_all(STDOUT_FILENO, totals.line() + "\n");
  return has_failed ? 1 : 0;
}

}  // namespace crawler
