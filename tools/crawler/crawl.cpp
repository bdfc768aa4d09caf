// crawl: the text of pages, by a crawlerd that runs, or by one of its own.
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/crawler/client.hpp"
#include "tools/crawler/client_errors.hpp"
#include "tools/crawler/places.hpp"
#include "tools/crawler/private_daemon.hpp"

namespace {

constexpr int failed = 1, usage = 2, daemon_gone = 3;
// 31 years, and still far from the end of the clock's 64-bit nanoseconds.
constexpr double longest_timeout = 1e9;

constexpr const char* description = R"(Downloads pages and prints their text.

  crawl http://example.org/                    one page, as text
  crawl -i urls.txt --json -o pages.jsonl      a list, as a line of JSON for each page
  crawl --stop                                 stop the daemon, print what it downloaded

Asks the daemon that listens at the socket. If none does, or with --transport, --workers or
--config, it starts a crawlerd of its own, which ends with it.)";

constexpr const char* footer = R"(Exit codes:
  0 all pages are there   1 some failed, or an error   2 usage
  3 the daemon is gone    4 timed out                  5 a limit of the system
  128+n ended by signal n)";

struct Options {
  std::vector<std::string> urls;
  std::string input;
  crawler::PageOutput::Form form;
  std::string socket;
  std::optional<double> timeout;
  bool stop = false;
  // for a private daemon
  std::string transport, workers, config;

  bool wants_private() const { return !(transport + workers + config).empty(); }
};

void add_options(CLI::App& app, Options& options) {
  // A daemon is asked line by line: what is no line would be another question.
  app.add_option("url", options.urls, "pages to download")
      ->check([](const std::string& url) -> std::string {
        return url.empty() || url.find_first_of("\r\n") != url.npos ? "an empty URL, or several"
                                                                    : "";
      })
      ->type_name("URL");
  app.add_option("-i,--input", options.input, "a file with a URL on each line; - is stdin")
      ->type_name("FILE");
  app.add_option("-o,--output", options.form.file,
                 "write to this file, which appears when it is complete; else FILE.partial does")
      ->type_name("FILE");
  app.add_flag("--json", options.form.as_json, "a line of JSON for each page, failed ones too");
  app.add_option("-t,--timeout", options.timeout, "give up after so many seconds")
      ->type_name("SECONDS");
  auto* socket =
      app.add_option("--socket", options.socket, "where the daemon listens")->type_name("PATH");
  auto* stop = app.add_flag("--stop", options.stop, "stop the daemon and print its total");
  for (auto* own :
       {app.add_option("--transport", options.transport, "mechanism of an own daemon")
            ->type_name("KIND"),
        app.add_option("--workers", options.workers, "workers of an own daemon")->type_name("N"),
        app.add_option("-c,--config", options.config, "settings of an own daemon")
            ->type_name("FILE")})
    own->group("An own daemon")->excludes(socket)->excludes(stop);
}

std::unique_ptr<crawler::PrivateDaemon> start_private(const Options& options) {
  std::vector<std::string> arguments;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) arguments.push_back(name + value);
  };
  add("--transport=", options.transport);
  add("--workers=", options.workers);
  add("--config=", options.config);
  return std::make_unique<crawler::PrivateDaemon>(arguments);
}

/// Ends this process by the signal's default action, so that its parent sees the truth.
[[noreturn]] void die_of(int number) {
  ::signal(number, SIG_DFL);
  ::raise(number);
  ::_exit(128 + number);  // should it have been blocked
}

int crawl(const Options& options, bool is_pipe_ignored) {
  crawler::UrlList urls(options.urls, options.input);
  crawler::PageOutput::Form form = options.form;
  form.has_headings = options.urls.size() != 1 || !options.input.empty();
  const std::string place = options.socket.empty() ? crawler::default_socket() : options.socket;

  crawler::Finished finished;
  {
    std::unique_ptr<crawler::PrivateDaemon> own;
    if (options.wants_private() || (options.socket.empty() && !crawler::is_answered(place))) {
      own = start_private(options);
      if (const auto exit = own->wait_ready()) {
        std::fprintf(stderr, "crawl: crawlerd %s\n", exit->text.c_str());
        return exit->by_signal || exit->number == 0 ? failed : exit->number;
      }
    }
    std::optional<std::chrono::milliseconds> timeout;
    if (options.timeout)
      timeout = std::chrono::milliseconds(std::llround(std::ceil(*options.timeout * 1000)));
    crawler::PageOutput output(form);
    finished = crawler::crawl(own ? own->socket() : place, urls, output, timeout);
    const bool is_whole = finished.ending == crawler::Ending::done ||
                          finished.ending == crawler::Ending::pages_failed;
    if (is_whole && !finished.signal && !finished.is_output_closed)
      output.finish();
    else
      output.keep_partial();
  }
  if (finished.is_output_closed && is_pipe_ignored)
    throw std::system_error(EPIPE, std::generic_category(), "write the standard output");
  if (finished.is_output_closed) die_of(SIGPIPE);
  if (finished.signal) die_of(*finished.signal);
  return static_cast<int>(finished.ending);
}

int stop(const Options& options) {
  const std::string place = options.socket.empty() ? crawler::default_socket() : options.socket;
  std::puts(crawler::stop_daemon(place).c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // A parent that ignored it would have us never learn how an own daemon ended.
  ::signal(SIGCHLD, SIG_DFL);
  const bool is_pipe_ignored = ::signal(SIGPIPE, SIG_IGN) == SIG_IGN;
  Options options;
  CLI::App app{description};
  app.footer(footer);
  app.set_version_flag("--version", "crawl (ipcways) " IPCWAYS_VERSION);
  add_options(app, options);
  try {
    app.parse(argc, argv);
    const bool has_work = !options.urls.empty() || !options.input.empty();
    if (options.stop && has_work) throw CLI::ExtrasError(options.urls);
    if (!options.stop && !has_work) throw CLI::RequiredError("a URL, --input or --stop");
    // The comparison refuses "nan" too.
    if (options.timeout && !(*options.timeout > 0 && *options.timeout <= longest_timeout))
      throw CLI::ValidationError("--timeout", "must be more than 0 and at most 1e9 seconds");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage;
  }
  try {
    return options.stop ? stop(options) : crawl(options, is_pipe_ignored);
  } catch (const crawler::NoDaemon& error) {
    std::fprintf(stderr, "crawl: %s (start one: crawlerd)\n", error.what());
    return daemon_gone;
  } catch (const crawler::DaemonGone& error) {
    std::fprintf(stderr, "crawl: the daemon is gone: %s\n", error.what());
    return daemon_gone;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "crawl: %s\n", error.what());
    return failed;
  }
}
