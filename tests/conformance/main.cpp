// Runs the cases on one kind, which may be on trial, or on each of the list in turn:
//   test-conformance [--kind=NAME] [doctest options]
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "ipc/kinds.hpp"
#include "tests/conformance/conformance.hpp"
#include "tests/conformance/scripts.hpp"

int main(int argc, char** argv) {
  constexpr std::string_view option = "--kind=";
  std::vector<const ipc::Kind*> wanted(ipc::kinds::all.begin(), ipc::kinds::all.end());
  std::vector<const char*> others;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with(option)) {
      others.push_back(argv[i]);
      continue;
    }
    const auto name = argument.substr(option.size());
    const auto* kind = conformance::find_kind(name);
    if (!kind) {
      std::fprintf(stderr, "%s: unknown kind; there are %s\n", argv[i],
                   ipc::kinds::names().c_str());
      return 2;
    }
    wanted.assign(1, kind);
  }
  std::cout << std::unitbuf;  // what has been said is not lost when a case is aborted
  test::take_own_objects();
  int result = 0;
  for (const auto* kind : wanted) {
    std::cout << "[kind] " << kind->name << '\n';
    conformance::set_kind(*kind);
    doctest::Context context(static_cast<int>(others.size()), others.data());
    result |= context.run();
    if (context.shouldExit()) break;
  }
  return result;
}
