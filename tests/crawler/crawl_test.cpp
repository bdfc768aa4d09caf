// crawl as a whole: with a daemon of its own, with one that runs, and when things go wrong.
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/crawler/program_run.hpp"
#include "tests/crawler/site_process.hpp"
#include "tests/site/pages.hpp"
#include "tests/support/guard.hpp"
#include "tools/crawler/protocol.hpp"

using namespace std::chrono_literals;
using support::ProgramRun;
using support::run;
using support::SiteProcess;
using support::start;

namespace {

namespace fs = std::filesystem;

/// A place for the files of one test, apart from the one that must be empty at its end.
struct Case : test::Guard {
  Case() : place(directory() + "-files") { fs::create_directory(place); }
  ~Case() { fs::remove_all(place); }
  std::string file(const std::string& name) const { return place + "/" + name; }
  std::string place;
};

std::string url_list(const SiteProcess& site, unsigned count, const std::string& query = "") {
  std::string list;
  for (unsigned number = 1; number <= count; ++number)
    list += site.url("/page/" + std::to_string(number)) + query + "\n";
  return list;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The children of a process and theirs.
std::vector<pid_t> family_of(pid_t pid) {
  std::vector<pid_t> family;
  std::ifstream children("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) +
                         "/children");
  for (pid_t child = 0; children >> child;) {
    family.push_back(child);
    for (const pid_t grandchild : family_of(child)) family.push_back(grandchild);
  }
  return family;
}

bool is_dead(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  // An orphan that nobody reaps is as dead: "pid (name) Z ...".
  return !std::getline(stat, line) || line.find(") Z ") != line.npos;
}

/// A crawlerd that a test starts; it ends with the object.
class RunningDaemon {
 public:
  RunningDaemon() : child_(start("crawlerd --log warn --workers 2")) {
    REQUIRE(support::becomes_true(
        [] { return run("crawl -t 1 x:").errors.find("bad-url") != std::string::npos; }, 30s));
  }
  test::Child& child() { return child_; }
  ~RunningDaemon() {
    if (child_.is_running()) child_.kill();
  }

 private:
  test::Child child_;
};

}  // namespace

TEST_CASE_FIXTURE(Case, "without a daemon crawl starts one and leaves nothing behind") {
  const SiteProcess site;
  const ProgramRun page = run("crawl " + site.url("/page/7"));
  CHECK(page.status == 0);
  CHECK(page.errors == "");
  const site::Page expected = site::page(7, 500);
  CHECK(page.output.starts_with(expected.title + "\n"));
  CHECK(page.output.find(expected.marker) != std::string::npos);
  for (const std::string_view sentence : expected.sentences)
    CHECK(page.output.find(sentence) != std::string::npos);
  CHECK(page.output.ends_with("\n"));
}

TEST_CASE_FIXTURE(Case, "a list comes complete over each transport, each page once" *
                            doctest::test_suite("each kind")) {
  for (const ipc::Kind* kind : ipc::kinds::all) {
    const std::string name(kind->name);
    CAPTURE(name);
    const SiteProcess site;
    support::write_file(file("urls"), url_list(site, 100));
    const ProgramRun list = run("crawl --transport " + name + " --workers 3 -i " + file("urls") +
                                " --json -o " + file("pages"));
    CHECK(list.status == 0);
    CHECK(list.output == "");
    CHECK(list.errors == "");
    std::set<std::string> urls;
    for (const std::string& line : lines_of(support::content_of(file("pages")))) {
      const auto outcome = crawler::read_line(line);
      REQUIRE_MESSAGE(outcome, outcome.problem);
      CHECK(outcome.value->page.status == crawler::Fate::ok);
      CHECK(urls.insert(outcome.value->url).second);
      const std::string number = outcome.value->url.substr(outcome.value->url.rfind('/') + 1);
      CHECK(outcome.value->page.text.find("marker-" + number + "-end") != std::string::npos);
    }
    CHECK(urls.size() == 100);
    const boost::json::object stats = site.stats();
    CHECK(stats.at("requests").as_int64() == 100);
  }
}

TEST_CASE_FIXTURE(Case, "several pages get a heading each, and what failed is told on stderr") {
  const SiteProcess site;
  const std::string good = site.url("/page/1");
  const std::string bad = site.url("/hostile/status/404");
  const ProgramRun both =
      run("printf '# a comment\\n\\n %s \\r\\n' " + good + " | crawl -i - " + bad);
  CHECK(both.status == 1);
  CHECK(both.output.starts_with("==> " + good + " <==\n"));
  CHECK(both.output.find("marker-1-end") != std::string::npos);
  CHECK(both.output.find(bad) == std::string::npos);
  CHECK(both.errors == "crawl: " + bad + ": http-404: the server answered 404\n");
}

TEST_CASE_FIXTURE(Case, "help says what each option takes") {
  const std::regex guessed("--\\S+ (TEXT|INT|UINT|FLOAT)\\b");  // CLI11's own names of types
  for (const char* program : {"crawl", "crawlerd", "crawler-worker"}) {
    CAPTURE(program);
    const ProgramRun help = run(std::string(program) + " --help");
    CHECK(help.status == 0);
    CHECK(help.output.find("--transport KIND") != std::string::npos);
    CHECK_FALSE(std::regex_search(help.output, guessed));
  }
}

TEST_CASE_FIXTURE(Case, "what cannot work is refused with a reason") {
  CHECK(run("crawl").status == 2);
  CHECK(run("crawl --no-such-option x").status == 2);
  CHECK(run("crawl --stop http://127.0.0.1/").status == 2);
  for (const char* timeout : {"0", "-1", "1e10", "inf", "nan"})
    CHECK(run(std::string("crawl x: --timeout ") + timeout).status == 2);
  const ProgramRun transport = run("crawl --transport telepathy http://127.0.0.1/");
  CHECK(transport.status == 2);
  CHECK(transport.errors.find("fifo, dgram, pipe") != std::string::npos);
  const ProgramRun nobody = run("crawl --socket " + file("none") + " http://127.0.0.1/");
  CHECK(nobody.status == 3);
  CHECK(nobody.errors.find("start one: crawlerd") != std::string::npos);
  CHECK(run("crawl --stop").status == 3);
  CHECK(run("crawl -i " + file("none")).status == 1);
  CHECK(run("crawl -i " + place).status == 1);
  CHECK(run("crawl http://127.0.0.1:1/ -o " + file("none/file")).status == 1);
  CHECK(run("crawl ''").status == 2);
  CHECK(run("crawl $'http://127.0.0.1/\\nhttp://127.0.0.1/'").status == 2);
  CHECK(run("crawl x:").errors.find("bad-url") != std::string::npos);
}

TEST_CASE_FIXTURE(Case, "a daemon of its own that does not fit says so, and crawl ends with 5") {
  const ProgramRun refused =
      run("prlimit --msgqueue=40000:40000 crawl --transport mq --workers 32 http://127.0.0.1:1/");
  CHECK(refused.status == 5);
  CHECK(refused.output == "");
  CHECK(refused.errors.find("crawlerd: mq: 33 queues do not fit") != std::string::npos);
}

TEST_CASE_FIXTURE(Case, "a page is printed when it is there, not when all are") {
  const SiteProcess site;
  test::Child crawl = start("crawl " + site.url("/hostile/silence") + " " + site.url("/page/1") +
                            " >" + file("output"));
  const auto is_there = [this] {
    return fs::exists(file("output")) &&
           support::content_of(file("output")).find("marker-1-end") != std::string::npos;
  };
  CHECK(support::becomes_true(is_there, 30s));
  CHECK(crawl.is_running());
  crawl.signal(SIGTERM);
  CHECK(crawl.wait(30s) == -SIGTERM);
}

TEST_CASE_FIXTURE(Case, "a reader that leaves ends it as it ends cat") {
  const SiteProcess site;
  support::write_file(file("urls"), url_list(site, 50, "?delay=50"));
  const ProgramRun cut = run("crawl -i " + file("urls") + " | head -1; echo ${PIPESTATUS[0]}");
  CHECK(cut.output.ends_with("\n141\n"));
  CHECK(cut.errors == "");
  const ProgramRun ignoring =
      run("(trap '' PIPE; crawl -i " + file("urls") + " | true; exit ${PIPESTATUS[0]})");
  CHECK(ignoring.status == 1);
  CHECK(ignoring.errors == "crawl: write the standard output: Broken pipe\n");
}

TEST_CASE_FIXTURE(Case, "a time limit ends it with 4 and keeps the file that was there") {
  const SiteProcess site;
  support::write_file(file("pages"), "old\n");
  const ProgramRun late = run("crawl -t 5 -o " + file("pages") + " " + site.url("/page/1") + " " +
                              site.url("/hostile/silence"));
  CHECK(late.status == 4);
  CHECK(late.errors == "crawl: timed out; 1 page is missing\ncrawl: what came is in " +
                           file("pages.partial") + "\n");
  CHECK(support::content_of(file("pages")) == "old\n");
  CHECK(support::content_of(file("pages.partial")).find("marker-1-end") != std::string::npos);
  CHECK(std::distance(fs::directory_iterator(place), {}) == 2);
}

TEST_CASE_FIXTURE(Case, "Ctrl-C ends it and its daemon") {
  const SiteProcess site;
  test::Child crawl = start("crawl " + site.url("/hostile/silence"));
  REQUIRE(support::becomes_true([&] { return site.stats().at("requests").as_int64() == 1; }, 30s));
  const std::vector<pid_t> family = family_of(crawl.pid());
  CHECK(family.size() >= 2);
  crawl.signal(SIGINT);
  CHECK(crawl.wait(30s) == -SIGINT);
  for (const pid_t pid : family) CHECK(is_dead(pid));
}

TEST_CASE_FIXTURE(Case, "signals that its parent ignores are no reason to end, nor to fail") {
  const SiteProcess site;
  CHECK(run("env --ignore-signal=CHLD crawl " + site.url("/page/1")).status == 0);
  CHECK(run("env --ignore-signal=CHLD crawl --workers=0 x:").status == 2);
  // As nohup(1) does.
  test::Child crawl = start("env --ignore-signal=HUP crawl " + site.url("/hostile/silence"));
  REQUIRE(support::becomes_true([&] { return site.stats().at("requests").as_int64() == 2; }, 30s));
  crawl.signal(SIGHUP);
  crawl.signal(SIGTERM);
  CHECK(crawl.wait(30s) == -SIGTERM);
}

TEST_CASE_FIXTURE(Case, "no process outlives a killed crawl, not even a stopped one") {
  for (const bool stops_daemon : {false, true}) {
    CAPTURE(stops_daemon);
    const SiteProcess site;
    test::Child crawl = start("crawl --workers 3 " + site.url("/hostile/silence"));
    REQUIRE(
        support::becomes_true([&] { return site.stats().at("requests").as_int64() == 1; }, 30s));
    const std::vector<pid_t> family = family_of(crawl.pid());
    REQUIRE(family.size() == 4);
    for (const pid_t pid : family)
      if (stops_daemon || pid != family.front()) ::kill(pid, SIGSTOP);
    crawl.kill();
    CHECK(support::becomes_true([&] { return std::all_of(family.begin(), family.end(), is_dead); },
                                10s));
  }
  // Their directories are swept by whoever comes next.
  CHECK(run("crawl x:").status == 1);
}

TEST_CASE_FIXTURE(Case, "when the daemon is stopped, what it had promised still comes") {
  const SiteProcess site;
  RunningDaemon daemon;
  std::string list;
  for (int round = 0; round < 6; ++round)
    list += url_list(site, 500, "?delay=20&round=" + std::to_string(round));
  support::write_file(file("urls"), list);
  test::Child crawl =
      start("crawl --json -i " + file("urls") + " -o " + file("pages") + " 2>" + file("errors"));
  REQUIRE(support::becomes_true([&] { return site.stats().at("requests").as_int64() > 50; }, 30s));
  const ProgramRun stop = run("crawl --stop");
  CHECK(crawl.wait(10s) == 3);
  // Two requests of 1,000 were under way: done or pending, each is told.
  std::size_t done = 0;
  std::size_t pending = 0;
  for (const std::string& line : lines_of(support::content_of(file("pages.partial")))) {
    const auto outcome = crawler::read_line(line);
    REQUIRE_MESSAGE(outcome, outcome.problem);
    ++(outcome.value->page.status == crawler::Fate::ok ? done : pending);
  }
  CHECK(done + pending == 2000);
  CHECK(pending > 0);
  CHECK(stop.output.starts_with("Downloaded URLs: " + std::to_string(done) + " ("));
  CHECK(support::content_of(file("errors")).find("; 1000 pages are missing\n") !=
        std::string::npos);
  CHECK(daemon.child().wait(30s) == 0);
}

TEST_CASE_FIXTURE(Case, "crawl uses the daemon that runs, and --stop prints its total") {
  const SiteProcess site;
  RunningDaemon daemon;
  CHECK(run("crawl " + site.url("/page/1")).status == 0);
  CHECK(run("crawl " + site.url("/page/2") + " " + site.url("/page/501")).status == 1);
  CHECK(family_of(daemon.child().pid()).size() == 2);
  const ProgramRun stop = run("crawl --stop");
  CHECK(stop.status == 0);
  CHECK(stop.output.starts_with("Downloaded URLs: 2 ("));
  CHECK(daemon.child().wait(30s) == 0);
  CHECK(run("crawl --stop").status == 3);
}
