// crawlerd: takes requests that contain URLs, has each page downloaded by one of its workers, in
// turn, and answers with the page's text. Start it and ask `crawl URL`; crawlerd.toml shows what can
// be configured.
#include <cstdio>
#include <exception>
#include <string>

#include <CLI/CLI.hpp>

#include "ipc/sys/error.hpp"
#include "tools/crawler/crawlerd_daemon.hpp"

namespace {

using crawler::DaemonOptions;

constexpr int failed = 1, usage = 2, peer_gone = 3, limit_reached = 5, corrupt = 6;

constexpr const char* description =
    R"(Downloads pages with a pool of workers and answers with their text.

  crawlerd                                     asked with crawl, or with curl as below
  crawlerd --transport shm --workers 8         the same over shared memory
  crawlerd -c crawlerd.toml                    as the file says)";

constexpr const char* footer = R"(Signals:
  USR1  stop: finish what is being downloaded, then print `Downloaded URLs: N`
  TERM  the same; a second one, or INT, does not wait for downloads
  HUP   read the configuration again
  USR2  log the status
USR1 is safe from the first line that is printed; to send it earlier, start with
`env --block-signal=USR1 crawlerd`.

Asking:
  crawl http://example.org/
  curl --unix-socket PATH 'http://crawlerd/text?url=http://example.org/'
)";

template <class Table>
void add_settings(CLI::App& app, DaemonOptions& options, const Table& rows,
                  const std::string& group) {
  for (const auto& row : rows) {
    app.add_option_function<std::string>(
           crawler::option_of(row.key),
           [&options, key = std::string(row.key)](const std::string& text) {
             options.source.overrides.emplace_back(key, text);
           },
           std::string(row.help))
        ->type_name(std::string(row.type))
        ->group(group);
  }
}

int exit_code_of(ipc::Trouble trouble) {
  switch (trouble) {
    case ipc::Trouble::no_receiver:
      return peer_gone;
    case ipc::Trouble::limit:
      return limit_reached;
    case ipc::Trouble::corrupt:
      return corrupt;
    default:
      return failed;
  }
}

/// Wrong values on the command line are usage errors, in the file they are not.
bool is_usage(const DaemonOptions& options, const std::string& sentence) {
  for (const auto& [key, text] : options.source.overrides)
    if (sentence.rfind(crawler::option_of(key) + " ", 0) == 0 || sentence.rfind(key + " ", 0) == 0)
      return true;
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  crawler::block_signals();
  DaemonOptions options;
  CLI::App app{description};
  app.footer(footer);
  app.set_version_flag("--version", "crawlerd (ipcways) " IPCWAYS_VERSION);
  app.add_option("-c,--config", options.source.file, "configuration file (TOML)")
      ->type_name("FILE");
  app.add_option("--lifeline-fd", options.lifeline_fd, "end fast when this descriptor is closed")
      ->type_name("FD");
  app.add_option("--ready-fd", options.ready_fd, "write \"ready\" to this one when clients can ask")
      ->type_name("FD");
  add_settings(app, options, crawler::config_table(), "Settings");
  add_settings(app, options, crawler::limits_table(), "Limits of one download");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : usage;
  }
  try {
    return crawler::run_daemon(options);
  } catch (const crawler::ConfigError& error) {
    std::fprintf(stderr, "crawlerd: %s\n", error.what());
    return is_usage(options, error.what()) ? usage : failed;
  } catch (const ipc::Error& error) {
    std::fprintf(stderr, "crawlerd: %s\n", error.what());
    return exit_code_of(error.trouble());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "crawlerd: %s\n", error.what());
    return failed;
  }
}
