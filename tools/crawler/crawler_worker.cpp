// crawler-worker: downloads pages for a crawlerd and answers with their text. Started by crawlerd,
// or by hand in another shell to lend it a hand; worker_options.hpp describes the command line.
#include <signal.h>
#include <sys/signalfd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "ipc/sys/fd.hpp"
#include "tools/crawler/worker.hpp"

namespace {

using crawler::WorkerOptions;

// Everybody who signals "crawler" means the master; it ends its workers itself. SIGPIPE is nobody's
// business here: writes say EPIPE.
void ignore_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE})
    ::signal(number, SIG_IGN);
}

// A worker started by hand has a person at its terminal instead of a lifeline: Ctrl-C ends it, with
// a goodbye. Called before there are threads, which inherit the mask.
ipc::sys::Fd watch_signals() {
  constexpr std::array numbers{SIGINT, SIGTERM, SIGHUP};
  sigset_t ends{};
  sigemptyset(&ends);
  for (const int number : numbers) sigaddset(&ends, number);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  for (const int number : numbers) ::signal(number, SIG_DFL);  // an ignored one would not be told
  return ipc::sys::Fd(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::string run_problem(WorkerOptions& options, const std::string& text) {
  const auto run = pool::parse_run(text);
  if (!run) return "must be 16 hexadecimal digits";
  options.run = *run;
  return "";
}

void add_limits(CLI::App& app, crawler::Limits& limits) {
  for (const crawler::Limit& limit : crawler::limits_table()) {
    app.add_option_function<std::string>(
           crawler::option_name(limit),
           [&limits, &limit](const std::string& text) {
             const std::string problem = crawler::set_limit(limits, limit, text);
             if (!problem.empty()) throw CLI::ValidationError(crawler::option_name(limit), problem);
           },
           std::string(limit.help))
        ->type_name(std::string(limit.type))
        ->default_str(crawler::limit_text(limits, limit))
        ->group("Limits");
  }
}

void add_options(CLI::App& app, WorkerOptions& options) {
  const auto add = [&app](const char* name, auto& value, const char* type, const char* help) {
    return app.add_option(name, value, help)->type_name(type);
  };
  add("--transport", options.transport, "KIND", "the mechanism, as the daemon's")->required();
  app.add_option_function<std::string>(
         "--run",
         [&options](const std::string& text) {
           if (const std::string problem = run_problem(options, text); !problem.empty())
             throw CLI::ValidationError("--run", problem);
         },
         "the daemon's run, 16 hexadecimal digits (GET /status)")
      ->type_name("RUN")
      ->required();
  add("--master", options.master, "ADDRESS", "where the daemon listens (GET /status)");
  add("--inbox", options.inbox, "ADDRESS", "where to listen; a name is made up if there is none");
  add("--slot", options.slot, "N", "which worker this is; given by the daemon");
  add("--generation", options.generation, "N", "which life of it; given by the daemon");
  add("--inbox-fd", options.inbox_fd, "FD", "an inherited descriptor in place of --inbox");
  add("--capacity", options.capacity, "BYTES", "bytes that may wait in its inbox");
  add("--master-fd", options.master_fd, "FD", "an inherited descriptor in place of --master");
  add("--lifeline-fd", options.lifeline_fd, "FD", "ends this process when it is closed");
  add_limits(app, options.limits);
}

void set_up_log(const WorkerOptions& options) {
  auto log = spdlog::stderr_logger_st("worker");
  log->set_pattern("%Y-%m-%d %H:%M:%S.%e %l crawler-worker " +
                   (options.slot == 0
                        ? "%P"
                        : std::to_string(options.slot) + "." + std::to_string(options.generation)) +
                   ": %v");
  spdlog::set_default_logger(log);
}

}  // namespace

int main(int argc, char** argv) {
  ignore_signals();
  WorkerOptions options;
  CLI::App app{"Downloads pages for a crawlerd and answers with their text."};
  add_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.master.empty() && !options.master_fd) {
    std::fputs("crawler-worker: --master or --master-fd is needed\n", stderr);
    return 2;
  }
  try {
    ipc::sys::Fd signals;
    if (!options.lifeline_fd) signals = watch_signals();
    set_up_log(options);
    crawler::Worker(options, signals.get()).run();
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "crawler-worker: %s\n", error.what());
    return EXIT_FAILURE;
  }
}
