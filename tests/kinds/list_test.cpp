// The list of kinds, and the folder of kinds.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"

namespace {

namespace fs = std::filesystem;

std::string stem_of(std::string_view name) {
  std::string stem(name);
  std::ranges::replace(stem, '-', '_');
  return stem;
}

TEST_CASE("every file in ipc/kinds is a kind of the list, and every kind has its file") {
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(SOURCE_DIR "/ipc/kinds"))
    files.insert(entry.path().filename().string());
  std::set<std::string> listed;
  for (const auto* kind : ipc::kinds::all) listed.insert(stem_of(kind->name) + ".cpp");
  for (const auto* kind : ipc::kinds::on_trial) listed.insert(stem_of(kind->name) + ".cpp");
  CHECK(files == listed);
  CHECK(listed.size() == ipc::kinds::all.size() + ipc::kinds::on_trial.size());
}

TEST_CASE("kinds are found by their names, and by nothing else") {
  for (const auto* kind : ipc::kinds::all) {
    CHECK(ipc::kinds::find(kind->name) == kind);
    CHECK(ipc::kinds::names().find(kind->name) != std::string::npos);
    CHECK_FALSE(kind->summary.empty());
  }
  CHECK(ipc::kinds::find("") == nullptr);
  CHECK(ipc::kinds::find("carrier-pigeon") == nullptr);
}

TEST_CASE("every kind answers the same seven questions at the top of its file") {
  for (const auto* kind : ipc::kinds::all) {
    CAPTURE(std::string(kind->name));
    std::ifstream file(std::string(SOURCE_DIR "/ipc/kinds/") + stem_of(kind->name) + ".cpp");
    std::set<std::string> answered;
    for (std::string line; std::getline(file, line) && line.starts_with("//");)
      for (const auto* question :
           {"name", "boundaries", "full", "end", "stale name", "cost", "poll"})
        if (line.starts_with("//   " + std::string(question) + " ")) answered.insert(question);
    CHECK(answered.size() == 7);
  }
}

TEST_CASE("the table of the contract has a column for every kind of the list") {
  std::ifstream file(SOURCE_DIR "/docs/contract.md");
  std::set<std::string> columns;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| sentence | ")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;)
      if (word != "|" && word != "sentence") columns.insert(word);
  }
  std::set<std::string> listed;
  for (const auto* kind : ipc::kinds::all) listed.insert(std::string(kind->name));
  for (const auto* kind : ipc::kinds::on_trial) listed.insert(std::string(kind->name));
  CHECK(columns == listed);
}

TEST_CASE("what a kind's traits say agrees with its options") {
  for (const auto* kind : ipc::kinds::all) {
    CAPTURE(std::string(kind->name));
    const auto knows = [&](std::string_view option) {
      return std::ranges::find(kind->options, option) != kind->options.end();
    };
    CHECK(kind->traits.bare == knows("bare"));
    if (kind->traits.named) CHECK((knows("max_message") && knows("max_senders") && knows("mode")));
    if (knows("from_uid")) CHECK(kind->traits.proves_peer);
    if (kind->traits.durable) CHECK_FALSE(kind->traits.needs_receiver);
  }
}

}  // namespace
