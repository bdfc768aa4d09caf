// bench-kinds: what a kind costs on this machine, and what its bare system calls cost beside it.
//
//   Try:  bench-kinds fifo seqpacket --sizes 1024 --rounds 5
//
// Library and bare calls take turns, round by round, in the same minutes, because a machine is never
// as idle as it looks; each figure is the median of its rounds, and each ratio the median of the
// rounds' ratios, with the least and the most of them beside it. If those are far apart the machine
// was busy, and the figure says little. Processor time suffers less than time.
#include "ipc/kinds.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/bench/measure.hpp"

namespace {

using bench::Channel;
using bench::Place;

// Set by SIGINT and SIGTERM: what is made is removed before the end.
volatile std::sig_atomic_t stop = 0;

class Directory {
 public:
  Directory() {
    std::string pattern = std::filesystem::temp_directory_path() / "bench-kinds-XXXXXX";
    if (!::mkdtemp(pattern.data())) throw ipc::Error("mkdtemp", pattern, errno);
    path_ = pattern;
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Place fresh() {
    const auto number = std::to_string(++count_);
    return {path_, "bench-" + std::to_string(::getpid()) + "-" + number};
  }

 private:
  std::string path_;
  int count_ = 0;
};

struct Spread {
  double median = 0, least = 0, most = 0;
};

Spread spread(std::vector<double> values) {
  std::ranges::sort(values);
  return {values[values.size() / 2], values.front(), values.back()};
}

std::string text(const char* format, double value) {
  std::array<char, 32> room{};
  std::snprintf(room.data(), room.size(), format, value);
  return room.data();
}

std::string microseconds(double nanoseconds) {
  return text(nanoseconds < 10'000    ? "%.2f"
              : nanoseconds < 100'000 ? "%.1f"
                                      : "%.0f",
              nanoseconds / 1000);
}

// One side's rounds of one kind and size; none if it was not measured.
template <class Figures>
class Rounds {
 public:
  void add(const Figures& figures) { all_.push_back(figures); }

  /// The median of what `get` takes from each round, as `show` writes it.
  template <class Get, class Show>
  std::string cell(Get get, Show show) const {
    if (all_.empty()) return "-";
    std::vector<double> values;
    for (const Figures& each : all_) values.push_back(get(each));
    return show(spread(std::move(values)).median);
  }
  /// "median (least-most)" of the rounds' ratios.
  template <class Get>
  std::string ratio_to(const Rounds& other, Get get) const {
    const auto both = std::min(all_.size(), other.all_.size());
    if (both == 0) return "-";
    std::vector<double> values;
    for (std::size_t i = 0; i < both; ++i) values.push_back(get(all_[i]) / get(other.all_[i]));
    const auto ratio = spread(std::move(values));
    return text("%.2f", ratio.median) + " (" + text("%.2f", ratio.least) + "-" +
           text("%.2f", ratio.most) + ")";
  }

 private:
  std::vector<Figures> all_;
};

void print_row(const std::vector<std::string>& cells) {
  for (const auto& cell : cells) std::printf("| %s ", cell.c_str());
  std::printf("|\n");
  std::fflush(stdout);
}

struct Wanted {
  std::vector<std::string> kinds;
  std::vector<std::size_t> sizes{64, 1024, 65536};
  std::string test = "both";
  std::string pin = "split";
  int rounds = 5;
  double seconds = 0.3;
  std::string only;
};

const ipc::Kind& kind_called(const std::string& name) {
  if (const auto* kind = ipc::kinds::find(name)) return *kind;
  for (const auto* kind : ipc::kinds::on_trial)
    if (kind->name == name) return *kind;
  throw std::runtime_error("unknown kind '" + name + "'; there are " + ipc::kinds::names());
}

class Bench {
 public:
  explicit Bench(const Wanted& wanted) : wanted_(wanted) {
    for (const auto& name : wanted.kinds) kinds_.push_back(&kind_called(name));
    if (kinds_.empty()) kinds_.assign(ipc::kinds::all.begin(), ipc::kinds::all.end());
  }

  void one_way() {
    std::printf("\nOne way, library beside bare calls:\n\n");
    print_row({"kind", "bytes", "MB/s", "bare", "ratio", "CPU us sender", "receiver", "bare sender",
               "receiver", "ratio of both", "switches", "bare"});
    print_row(std::vector<std::string>(12, "---"));
    for_each([&](const ipc::Kind& kind, const bench::Plan& plan) {
      const auto [ours, bare] = measure<bench::OneWay>(
          kind, plan, [&](auto make) { return bench::one_way(*make(), plan); });
      using Figures = const bench::OneWay&;
      const auto rate = [](Figures each) { return each.rate; };
      const auto sender = [](Figures each) { return each.sender.cpu; };
      const auto receiver = [](Figures each) { return each.receiver.cpu; };
      const auto cpu = [](Figures each) { return each.sender.cpu + each.receiver.cpu; };
      const auto switches = [](Figures each) {
        return each.sender.switches + each.receiver.switches;
      };
      const auto throughput = [&](double messages) {
        const double megabytes = messages * static_cast<double>(plan.size) / 1e6;
        return text(megabytes < 10 ? "%.1f" : "%.0f", megabytes);
      };
      const auto number = [](double value) { return text("%.2f", value); };
      print_row({std::string(kind.name), std::to_string(plan.size), ours.cell(rate, throughput),
                 bare.cell(rate, throughput), ours.ratio_to(bare, rate),
                 ours.cell(sender, microseconds), ours.cell(receiver, microseconds),
                 bare.cell(sender, microseconds), bare.cell(receiver, microseconds),
                 ours.ratio_to(bare, cpu), ours.cell(switches, number),
                 bare.cell(switches, number)});
    });
  }

  void round_trip() {
    std::printf("\nRound trip, library beside bare calls:\n\n");
    print_row({"kind", "bytes", "p50 us", "p99", "p99.9", "most", "bare p50", "p99", "p99.9",
               "most", "ratio of p50", "CPU us of both", "bare"});
    print_row(std::vector<std::string>(13, "---"));
    for_each([&](const ipc::Kind& kind, const bench::Plan& plan) {
      const auto [ours, bare] = measure<bench::RoundTrip>(kind, plan, [&](auto make) {
        const auto there = make();
        return bench::round_trip(*there, *make(), plan);
      });
      using Figures = const bench::RoundTrip&;
      const auto p50 = [](Figures each) { return each.p50; };
      const auto cpu = [](Figures each) { return each.sides.cpu; };
      std::vector<std::string> row{std::string(kind.name), std::to_string(plan.size)};
      for (const auto* side : {&ours, &bare}) {
        row.push_back(side->cell(p50, microseconds));
        row.push_back(side->cell([](Figures each) { return each.p99; }, microseconds));
        row.push_back(side->cell([](Figures each) { return each.p999; }, microseconds));
        row.push_back(side->cell([](Figures each) { return each.most; }, microseconds));
      }
      row.push_back(ours.ratio_to(bare, p50));
      row.push_back(ours.cell(cpu, microseconds));
      row.push_back(bare.cell(cpu, microseconds));
      print_row(row);
    });
  }

 private:
  void for_each(const std::function<void(const ipc::Kind&, const bench::Plan&)>& body) const {
    for (const auto* kind : kinds_)
      for (const auto size : wanted_.sizes) {
        if (stop) return;
        body(*kind, {size,
                     std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::duration<double>(wanted_.seconds)),
                     wanted_.pin == "same"   ? bench::Pin::same
                     : wanted_.pin == "none" ? bench::Pin::none
                                             : bench::Pin::split});
      }
  }

  template <class Figures, class Run>
  std::pair<Rounds<Figures>, Rounds<Figures>> measure(const ipc::Kind& kind,
                                                      const bench::Plan& plan, Run run) {
    std::pair<Rounds<Figures>, Rounds<Figures>> both;
    const bool has_bare = bench::bare_channel(kind.name, directory_.fresh(), plan.size) != nullptr;
    for (int round = 0; round < wanted_.rounds && (round == 0 || !stop); ++round) {
      if (wanted_.only != "bare")
        both.first.add(run([&] { return bench::library_channel(kind, directory_.fresh()); }));
      if (has_bare && wanted_.only != "library")
        both.second.add(
            run([&] { return bench::bare_channel(kind.name, directory_.fresh(), plan.size); }));
    }
    return both;
  }

  const Wanted& wanted_;
  std::vector<const ipc::Kind*> kinds_;
  Directory directory_;
};

void describe_machine(const Wanted& wanted) {
  utsname about{};
  ::uname(&about);
  std::array<double, 3> load{};
  (void)::getloadavg(load.data(), 3);
  std::printf("Linux %s, %u processors, load %.1f before the start; %d rounds of %.1f s, pin %s\n",
              about.release, std::thread::hardware_concurrency(), load[0], wanted.rounds,
              wanted.seconds, wanted.pin.c_str());
}

int run(int argc, char** argv) {
  Wanted wanted;
  CLI::App app("What kinds cost on this machine, and what their bare system calls cost.");
  app.add_option("KIND", wanted.kinds, "which kinds; all unless given");
  app.add_option("--sizes", wanted.sizes, "bytes of a message, separated by commas")
      ->delimiter(',')
      ->check(CLI::Range(8, 1 << 20))
      ->capture_default_str();
  app.add_option("--test", wanted.test, "what to measure")
      ->check(CLI::IsMember({"one-way", "round-trip", "both"}))
      ->capture_default_str();
  app.add_option("--rounds", wanted.rounds, "how often")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--seconds", wanted.seconds, "how long each round of each is")
      ->check(CLI::Range(0.01, 10.0))
      ->capture_default_str();
  app.add_option("--pin", wanted.pin, "a processor for each side, the same, or the kernel's choice")
      ->check(CLI::IsMember({"split", "same", "none"}))
      ->capture_default_str();
  app.add_option("--only", wanted.only, "one of the two alone, to profile it")
      ->check(CLI::IsMember({"library", "bare"}));
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGINT, [](int) { stop = 1; });
  std::signal(SIGTERM, [](int) { stop = 1; });
  describe_machine(wanted);
  Bench bench(wanted);
  if (wanted.test != "round-trip") bench.one_way();
  if (wanted.test != "one-way") bench.round_trip();
  return stop ? 128 + SIGINT : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-kinds: %s\n", error.what());
    return 1;
  }
}
