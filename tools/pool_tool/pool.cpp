// pool: a command, run once for each line of stdin by several workers, none of which may be missed.
//
// Try:   seq 20 | pool -j 4 -- sh -c 'read -r n; sleep 0.$n; echo $n'
// Watch: kill -9 one of its pool-worker processes: another takes its task, and nothing is missing.
//        pool -v says so. With --transport shm, fifo, mq ... the same over another mechanism.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "tools/cli/exit.hpp"
#include "tools/cli/stats.hpp"
#include "tools/cli/stopping.hpp"
#include "tools/pool_tool/master.hpp"
#include "tools/pool_tool/options.hpp"

namespace {

namespace asio = boost::asio;
using pool_tool::Master;
using pool_tool::Options;
using tools::Exit;

void set_up_log(const Options& options) {
  auto log = spdlog::stderr_logger_st("pool");
  log->set_pattern("pool: %v");
  log->set_level(options.verbose ? spdlog::level::info : spdlog::level::critical);
  spdlog::set_default_logger(log);
}

std::string worker_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "pool-worker";
}

std::string sentence_of(const pool_tool::Totals& totals) {
  return std::to_string(totals.done) + " tasks done, " + std::to_string(totals.failed) + " failed";
}

/// The signal that ended it, or the result.
Exit run(const Options& options, std::optional<int>& signal) {
  const tools::Stopping stopping(tools::Farewell::finish);
  asio::io_context loop(1);
  Master master(loop.get_executor(), options, worker_program());
  asio::posix::stream_descriptor stop(loop, ::fcntl(stopping.fd(), F_DUPFD_CLOEXEC, 0));
  stop.async_wait(asio::posix::stream_descriptor::wait_read, [&](boost::system::error_code error) {
    if (!error) master.stop();
  });
  master.on_ended = [&] { loop.stop(); };
  const auto begin = std::chrono::steady_clock::now();
  master.start();
  loop.run();

  const pool_tool::Totals& totals = master.totals();
  if (options.stats) {
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    tools::complain("pool", sentence_of(totals) + " in " + std::to_string(took.count()) + " s; " +
                                std::to_string(totals.deaths) + " workers died");
  }
  if (master.is_output_closed()) {
    signal = stopping.end_of_output();
  } else if (stopping.signal()) {
    signal = stopping.signal();
    if (!options.quiet) tools::complain("pool", "stopped; " + sentence_of(totals));
  } else if (!master.failure().empty()) {
    throw tools::Ending(Exit::error, "giving up: " + master.failure());
  }
  return totals.failed == 0 ? Exit::ok : Exit::error;
}

}  // namespace

int main(int argc, char** argv) {
  // A parent that ignored it would have us never learn how workers ended.
  std::signal(SIGCHLD, SIG_DFL);
  std::optional<int> signal;
  const Exit code = tools::guarded("pool", [&] {
    const Options options = pool_tool::parse(argc, argv);
    set_up_log(options);
    return run(options, signal);
  });
  if (signal) tools::die_of(*signal);
  return static_cast<int>(code);
}
