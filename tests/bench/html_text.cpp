// bench-html-text: how fast pages become text, on one core, with the pages in memory.
//
//   Try:  bench-html-text /usr/share/doc
//
// Beside it memcpy of the same bytes, which is what any reading of them costs at least. Each figure is
// the best of several rounds, in processor time: what disturbs a round only ever makes it slower, and what
// other programs take is not counted, but for the caches and the execution units they share.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/crawler/extract.hpp"
#include "tools/crawler/html/text_sink.hpp"
#include "tools/crawler/url.hpp"

namespace {

using Pages = std::vector<std::string>;

Pages load(const std::string& folder, std::size_t max_pages) {
  namespace fs = std::filesystem;
  Pages pages;
  for (const auto& entry :
       fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (pages.size() == max_pages) break;
    std::string extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".html" && extension != ".htm")) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    pages.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return pages;
}

double processor_time() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// The best of the rounds, in seconds.
double measure(int rounds, const std::function<void()>& work) {
  double best = std::numeric_limits<double>::max();
  for (int i = 0; i < rounds; ++i) {
    double start = processor_time();
    work();
    best = std::min(best, processor_time() - start);
  }
  return best;
}

void print(const char* name, double seconds, std::size_t bytes, std::size_t pages) {
  std::printf("%-26s %9.0f MB/s %9.3f s per 1000 pages\n", name,
              static_cast<double>(bytes) / 1e6 / seconds,
              seconds * 1000 / static_cast<double>(pages));
}

// Keeps the compiler from leaving out what nobody reads.
std::size_t sum = 0;

void compare(const Pages& pages, int rounds) {
  std::size_t bytes = 0;
  std::size_t longest = 0;
  for (const std::string& page : pages) {
    bytes += page.size();
    longest = std::max(longest, page.size());
  }
  std::printf("%zu pages, %.1f MB, best of %d rounds\n", pages.size(),
              static_cast<double>(bytes) / 1e6, rounds);

  std::string copy(longest, '\0');
  double seconds = measure(rounds, [&] {
    for (const std::string& page : pages) {
      std::memcpy(copy.data(), page.data(), page.size());
      sum += static_cast<unsigned char>(copy[page.size() / 2]);
    }
  });
  print("memcpy", seconds, bytes, pages.size());

  seconds = measure(rounds, [&] {
    for (const std::string& page : pages) {
      crawler::html::TextSink sink({});
      crawler::html::Tokenizer tokenizer(sink);
      tokenizer.feed(page);
      tokenizer.finish();
      sum += sink.take().text.size();
    }
  });
  print("text, bytes as they are", seconds, bytes, pages.size());

  std::size_t text_size = 0;
  seconds = measure(rounds, [&] {
    text_size = 0;
    for (const std::string& page : pages) {
      text_size += crawler::extract_text(page, "text/html").text.size();
    }
  });
  print("charset and text", seconds, bytes, pages.size());

  crawler::ExtractOptions options;
  options.max_links = 100'000;
  options.url = "http://localhost/dir/page.html";
  options.resolve = crawler::resolve_url;
  std::size_t links = 0;
  seconds = measure(rounds, [&] {
    links = 0;
    for (const std::string& page : pages) {
      links += crawler::extract_text(page, "text/html", options).links.size();
    }
  });
  print("charset, text and links", seconds, bytes, pages.size());
  std::printf("%.1f MB of text, %zu links\n", static_cast<double>(text_size) / 1e6, links);
}

int run(int argc, char** argv) {
  std::string folder;
  std::size_t max_pages = 20'000;
  int rounds = 5;
  CLI::App app("How many MB/s of HTML become text, on one core.");
  app.add_option("FOLDER", folder, "where the pages are, *.html at any depth")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--max-pages", max_pages, "how many pages to load at most")->capture_default_str();
  app.add_option("--rounds", rounds, "how often to measure")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  Pages pages = load(folder, max_pages);
  if (pages.empty()) throw std::runtime_error("no *.html in " + folder);
  compare(pages, rounds);
  return sum == 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench-html-text: %s\n", error.what());
    return 1;
  }
}
