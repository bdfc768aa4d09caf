#include "tools/crawler/config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

// Compiled in, as one library less to load before main(); problems come back as values.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "ipc/kinds.hpp"

namespace crawler {
namespace {

constexpr std::uint64_t hour = 3'600'000;  // in milliseconds
constexpr std::uint64_t mebi = std::uint64_t{1} << 20;
constexpr std::string_view limits_section = "limits";
constexpr std::array log_levels{"debug", "info", "warn", "error"};

constexpr std::array table{
    ConfigKey{"workers", &Config::workers, 1, 1024, "N", "worker processes"},
    ConfigKey{"transport", &Config::transport, 0, 0, "KIND",
              "the kind of IPC between master and workers"},
    ConfigKey{"socket", &Config::socket, 0, 0, "PATH", "path of the Unix socket to be asked at"},
    ConfigKey{"listen", &Config::listen, 0, 0, "HOST:PORT",
              "HOST:PORT on loopback to be asked at as well"},
    ConfigKey{"worker", &Config::worker, 0, 0, "PROGRAM", "path of the worker's program"},
    ConfigKey{"run_directory", &Config::run_directory, 0, 0, "DIRECTORY",
              "where the transport's objects live"},
    ConfigKey{"log", &Config::log, 0, 0, "LEVEL", "debug, info, warn or error"},
    ConfigKey{"grace", &Config::grace, 0, hour, "SECONDS",
              "seconds that downloads get when it stops"},
    ConfigKey{"flush_time", &Config::flush_time, 0, hour, "SECONDS",
              "seconds that clients get to read then"},
    ConfigKey{"task_time", &Config::task_time, 0, 24 * hour, "SECONDS",
              "seconds without an answer after which a worker hangs; 0: from the limits"},
    ConfigKey{"hello_time", &Config::hello_time, 10, hour, "SECONDS",
              "seconds for a worker's hello"},
    ConfigKey{"first_pause", &Config::first_pause, 1, hour, "SECONDS",
              "seconds before a worker that died "
              "before its hello is replaced"},
    ConfigKey{"longest_pause", &Config::longest_pause, 1, hour, "SECONDS", "what that grows to"},
    ConfigKey{"storm_deaths", &Config::storm_deaths, 1, 10'000, "N",
              "deaths before a hello that stop the daemon"},
    ConfigKey{"storm_time", &Config::storm_time, 1, 24 * hour, "SECONDS",
              "seconds in which they count"},
    ConfigKey{"charges", &Config::charges, 1, 100, "N", "workers that may crash over one URL"},
    ConfigKey{"attempts", &Config::attempts, 1, 10'000, "N", "workers that may die with it in all"},
    ConfigKey{"max_urls", &Config::max_urls, 1, 10'000'000, "N", "URLs in one request"},
    ConfigKey{"max_request", &Config::max_request, 1, 1024 * mebi, "BYTES", "bytes of one request"},
    ConfigKey{"max_unsent", &Config::max_unsent, 1, 1024 * mebi, "BYTES",
              "bytes unread by a client that make its request wait"},
    ConfigKey{"request_time", &Config::request_time, 1, hour, "SECONDS",
              "seconds in which a request must arrive"},
};

template <class Table>
auto row_of(const Table& rows, std::string_view key) {
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const auto& each) { return each.key == key; });
  return row == rows.end() ? nullptr : &*row;
}

/// A TOML value as the text that assign() reads; or what is wrong with its type.
struct Text {
  std::string text;
  std::string problem{};
};
Text text_of(const toml::node& node, Form form) {
  switch (form) {
    case Form::number:
      if (const auto number = node.as_integer()) return {std::to_string(number->get())};
      return {"", "must be a whole number"};
    case Form::seconds:
      if (const auto number = node.as_integer()) return {std::to_string(number->get())};
      if (const auto number = node.as_floating_point()) return {std::to_string(number->get())};
      return {"", "must be a number of seconds"};
    case Form::boolean:
      if (const auto boolean = node.as_boolean()) return {render(boolean->get())};
      return {"", "must be true or false"};
    case Form::text:
      if (const auto string = node.as_string()) return {string->get()};
      return {"", "must be a string in quotes"};
    case Form::list: {
      const auto array = node.as_array();
      std::vector<std::string> items;
      for (std::size_t at = 0; array != nullptr && at != array->size(); ++at) {
        const auto string = array->get(at)->as_string();
        if (string == nullptr || string->get().find(',') != std::string::npos)
          return {"", "must be a list of strings without commas"};
        items.push_back(string->get());
      }
      if (array == nullptr) return {"", "must be a list of strings"};
      return {render(items)};
    }
  }
  return {"", "has no form"};
}

std::string content_of(const std::string& path) {
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  // A directory can be opened and not read; the stream then looks like an empty file.
  if (!stream.is_open() || errno != 0)
    throw ConfigError("configuration " + path + ": " + std::strerror(errno));
  return content.str();
}

class File {
 public:
  explicit File(const std::string& path) : path_(path) {
    const std::string content = content_of(path);
    auto parsed = toml::parse(content, path);
    if (!parsed) {
      const auto& error = parsed.error();
      throw ConfigError(path + ":" + std::to_string(error.source().begin.line) + ": " +
                        std::string(error.description()));
    }
    root_ = std::move(parsed).table();
  }

  /// Adds the keys that it has to `given`.
  void apply_to(Config& config, std::set<std::string, std::less<>>& given) const {
    for (const auto& [key, node] : root_) {
      if (key == limits_section && node.is_table()) {
        for (const auto& [name, value] : *node.as_table())
          apply(config.limits, row_of(limits_table(), name.str()), name, value, given);
        continue;
      }
      apply(config, row_of(config_table(), key.str()), key, node, given);
    }
  }

 private:
  template <class Struct>
  void apply(Struct& values, const Setting<Struct>* row, const toml::key& key,
             const toml::node& node, std::set<std::string, std::less<>>& given) const {
    if (row == nullptr) fail(key.source(), std::string(key.str()) + " is no setting");
    const Text text = text_of(node, row->form());
    const auto problem =
        !text.problem.empty() ? text.problem : set_setting(values, *row, text.text);
    if (!problem.empty()) fail(node.source(), std::string(key.str()) + " " + problem);
    given.emplace(key.str());
  }

  [[noreturn]] void fail(const toml::source_region& where, const std::string& what) const {
    throw ConfigError(path_ + ":" + std::to_string(where.begin.line) + ": " + what);
  }

  std::string path_;
  toml::table root_;
};

/// What no single key can tell.
void check_whole(const Config& config) {
  const ipc::Kind* kind = ipc::kinds::find(config.transport);
  if (kind == nullptr)
    throw ConfigError("transport \"" + config.transport + "\" is unknown; known are " +
                      ipc::kinds::names());
  if (config.workers > ipc::kMaxSenders &&
      std::ranges::find(kind->options, "max_senders") == kind->options.end())
    throw ConfigError("workers must be at most " + std::to_string(ipc::kMaxSenders) + " over " +
                      config.transport + ", which has room for so many senders");
  if (std::find(log_levels.begin(), log_levels.end(), config.log) == log_levels.end())
    throw ConfigError("log must be debug, info, warn or error");
  if (!config.listen.empty()) (void)parse_endpoint(config.listen);
  if (config.task_time.count() != 0 && config.task_time <= config.limits.total_time)
    throw ConfigError("task_time must be longer than total_time, " +
                      render(config.limits.total_time) +
                      " seconds, or workers that are only busy "
                      "would be killed");
}

}  // namespace

Milliseconds Config::effective_task_time() const {
  if (task_time.count() != 0) return task_time;
  const auto rounds = (limits.slots + limits.per_host - 1) / limits.per_host;
  return limits.total_time * static_cast<std::int64_t>(rounds) + std::chrono::seconds(30);
}

std::span<const ConfigKey> config_table() {
  return table;
}

Config load_config(const ConfigSource& source) {
  Config config;
  std::set<std::string, std::less<>> given;
  if (source.file) File(*source.file).apply_to(config, given);
  for (const auto& [key, text] : source.overrides) {
    std::string problem = "is no setting";
    if (const auto* row = row_of(config_table(), key))
      problem = set_setting(config, *row, text);
    else if (const auto* limit = row_of(limits_table(), key))
      problem = set_setting(config.limits, *limit, text);
    if (!problem.empty()) throw ConfigError(option_of(key) + " " + problem);
    given.insert(key);
  }
  // On TCP any web page that the user opens can send requests here: unless told otherwise the daemon
  // is then no way into the machine's own network.
  if (!config.listen.empty() && !given.contains("private_addresses"))
    config.limits.private_addresses = false;
  check_whole(config);
  return config;
}

Endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  std::string host = text.substr(0, std::min(colon, text.size()));
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  Endpoint endpoint{host == "localhost" ? "127.0.0.1" : host, 0};
  const bool is_loopback = endpoint.host == "::1" || endpoint.host.rfind("127.", 0) == 0;
  const char* const end = text.data() + text.size();
  const char* const begin = colon == std::string::npos ? end : text.data() + colon + 1;
  const auto [stop, error] = std::from_chars(begin, end, endpoint.port);
  const bool has_port = begin != end && stop == end && error == std::errc();
  if (!has_port) throw ConfigError("listen \"" + text + "\" is not HOST:PORT");
  if (!is_loopback)
    throw ConfigError("listen \"" + text +
                      "\" is not a loopback address (127.0.0.1, ::1, localhost): anybody in the "
                      "network could make this machine fetch pages");
  return endpoint;
}

}  // namespace crawler
