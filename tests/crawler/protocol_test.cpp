#include "tools/crawler/protocol.hpp"

#include <doctest/doctest.h>

#include "tools/crawler/worker_options.hpp"

using crawler::Fate;
using crawler::Outcome;
using crawler::Page;

namespace {

Page good_page() {
  Page page;
  page.status = Fate::ok;
  page.final_url = "http://example.org/b";
  page.http_status = 200;
  page.content_type = "text/html; charset=koi8-r";
  page.charset = "koi8-r";
  page.title = "Привет \"мир\"";
  page.milliseconds = 12;
  page.text = "Line one\nСтрока два\n";
  return page;
}

std::string problem_of(boost::json::object about, std::string_view text = "") {
  return crawler::read_page(about, pool::as_bytes(text)).problem;
}

}  // namespace

TEST_CASE("a page comes back as it was sent") {
  const Page sent = good_page();
  const auto got = crawler::read_page(crawler::write_page(sent), pool::as_bytes(sent.text));
  REQUIRE_MESSAGE(got, got.problem);
  CHECK(got.value->status == sent.status);
  CHECK(got.value->final_url == sent.final_url);
  CHECK(got.value->http_status == sent.http_status);
  CHECK(got.value->content_type == sent.content_type);
  CHECK(got.value->charset == sent.charset);
  CHECK(got.value->title == sent.title);
  CHECK(got.value->milliseconds == sent.milliseconds);
  CHECK(got.value->text == sent.text);
}

TEST_CASE("an outcome is one line and comes back, for each fate") {
  Outcome sent{"http://example.org/a", good_page(), 3, 2};
  SUBCASE("ok") {}
  SUBCASE("failed") {
    sent.page = {};
    sent.page.error = "timed-out";
    sent.page.detail = "no answer within 5 seconds";
  }
  SUBCASE("pending") {
    sent.page = {};
    sent.page.status = Fate::pending;
    sent.page.error = crawler::word::stopped;
    sent.worker = sent.attempt = 0;
  }
  const std::string line = crawler::write_line(sent);
  CHECK(line.find('\n') == line.size() - 1);
  const auto got = crawler::read_line(line);
  REQUIRE_MESSAGE(got, got.problem);
  CHECK(got.value->url == sent.url);
  CHECK(got.value->page.status == sent.page.status);
  CHECK(got.value->page.text == sent.page.text);
  CHECK(got.value->page.error == sent.page.error);
  CHECK(got.value->page.detail == sent.page.detail);
  CHECK(got.value->worker == sent.worker);
  CHECK(got.value->attempt == sent.attempt);
  CHECK(crawler::write_line(*got.value) == line);
}

TEST_CASE("every field of a result is checked") {
  CHECK(problem_of({{"status", "ok"}}, "text") == "");
  CHECK(problem_of({}) == "status is missing");
  CHECK(problem_of({{"status", 1}}) == "status is not a string");
  CHECK(problem_of({{"status", "fine"}}) == "status is unknown");
  CHECK(problem_of({{"status", "pending"}, {"error", "x"}}) ==
        "status is pending: not for a worker to say");
  CHECK(problem_of({{"status", "failed"}}) == "error is not one word of a-z, 0-9 and '-'");
  CHECK(problem_of({{"status", "failed"}, {"error", "Time out"}}) ==
        "error is not one word of a-z, 0-9 and '-'");
  CHECK(problem_of({{"status", "ok"}, {"error", "timed-out"}}) ==
        "error is set although status is ok");
  CHECK(problem_of({{"status", "ok"}, {"http_status", 600}}) ==
        "http_status is not a whole number in its range");
  CHECK(problem_of({{"status", "ok"}, {"http_status", "200"}}) ==
        "http_status is not a whole number in its range");
  CHECK(problem_of({{"status", "ok"}, {"http_status", 200.5}}) ==
        "http_status is not a whole number in its range");
  CHECK(problem_of({{"status", "ok"}, {"ms", -1}}) == "ms is not a whole number in its range");
  CHECK(problem_of({{"status", "ok"}, {"title", nullptr}}) == "title is not a string");
  CHECK(problem_of({{"status", "ok"}, {"title", std::string(1001, 'x')}}) ==
        "title is longer than 1000 bytes");
  CHECK(problem_of({{"status", "ok"}}, "\xff") == "the text is not UTF-8");
}

TEST_CASE("a hello is checked") {
  const auto problem = [](boost::json::object about) { return crawler::read_hello(about).problem; };
  const auto got = crawler::read_hello(crawler::write_hello({4711, 16, "/run/x/w1.1"}));
  REQUIRE(got);
  CHECK(got.value->pid == 4711);
  CHECK(got.value->slots == 16);
  CHECK(got.value->inbox == "/run/x/w1.1");
  CHECK(crawler::read_hello({{"inbox", "x"}}).value->slots == 1);
  CHECK(problem({{"pid", 0}}) == "pid is not a whole number in its range");
  CHECK(problem({{"slots", 0}}) == "slots is not a whole number in its range");
  CHECK(problem({{"slots", 100'000}}) == "slots is not a whole number in its range");
  CHECK(problem({{"inbox", std::string("a\0b", 3)}}) == "inbox has a NUL byte");
  CHECK(problem({{"inbox", std::string(5000, 'x')}}) == "inbox is longer than 4096 bytes");
}

TEST_CASE("whatever a page says of itself, its result fits and is read") {
  Page page = good_page();
  page.final_url = std::string(100'000, '\x01');
  page.title = std::string(999, 'x') + "€";
  page.content_type = "text/\xff\xfehtml";
  page.charset = std::string(300, '\\');
  page.detail.clear();
  pool::Envelope envelope;
  envelope.type = pool::Type::result;
  envelope.slot = envelope.generation = envelope.attempt = 1;
  envelope.task = 1;
  envelope.about = crawler::write_page(page);
  const auto message = pool::encode(envelope);
  const auto decoded = pool::decode(message);
  REQUIRE_MESSAGE(decoded, decoded.problem);
  const auto got = crawler::read_page(decoded.envelope->about, {});
  REQUIRE_MESSAGE(got, got.problem);
  CHECK(got.value->title == std::string(999, 'x'));
  CHECK(got.value->content_type == "text/\xef\xbf\xbd\xef\xbf\xbdhtml");
}

TEST_CASE("a URL of any bytes gives a line that is JSON") {
  Outcome outcome;
  outcome.url = "http://x/\xff\x80\n\"";
  outcome.page.error = crawler::word::bad_url;
  const auto got = crawler::read_line(crawler::write_line(outcome));
  REQUIRE_MESSAGE(got, got.problem);
  CHECK(got.value->url == "http://x/\xef\xbf\xbd\xef\xbf\xbd\n\"");
}

TEST_CASE("UTF-8 is what RFC 3629 says") {
  for (const auto* good : {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    CHECK(crawler::is_utf8(good));
  for (const auto* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80",
                          "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
                          "\xff", "a\xc3(", "\xe2\x28\xa1"})
    CHECK_FALSE(crawler::is_utf8(bad));
}

TEST_CASE("a worker's command line holds every limit, and each is read back") {
  crawler::WorkerOptions options;
  options.transport = "fifo";
  options.run = 0xabc;
  options.slot = 2;
  options.generation = 5;
  options.inbox = "/x/w2.5";
  options.master = "/x/master";
  options.lifeline_fd = 3;
  options.limits.total_time = crawler::Milliseconds(2500);
  options.limits.allow_hosts = {"127.0.0.1:80", "[::1]:81"};
  const auto arguments = crawler::worker_arguments(options);
  const std::vector<std::string> start{
      "--transport=fifo", "--run=0000000000000abc", "--slot=2",       "--generation=5",
      "--inbox=/x/w2.5",  "--master=/x/master",     "--lifeline-fd=3"};
  REQUIRE(arguments.size() == start.size() + crawler::limits_table().size());
  CHECK(std::vector(arguments.begin(), arguments.begin() + 7) == start);

  crawler::Limits read;
  for (std::size_t at = 0; at != crawler::limits_table().size(); ++at) {
    const auto& limit = crawler::limits_table()[at];
    const auto& argument = arguments[start.size() + at];
    const std::string prefix = crawler::option_name(limit) + "=";
    REQUIRE(argument.rfind(prefix, 0) == 0);
    CHECK(crawler::set_limit(read, limit, argument.substr(prefix.size())) == "");
  }
  CHECK(crawler::limit_arguments(read) == crawler::limit_arguments(options.limits));
}
