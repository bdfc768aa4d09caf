// A sender or receiver to be watched, and killed, by strace(1):
//
//     call-script send KIND ADDRESS AUTHOR [observe]      ends with 7 if all was sent
//     call-script receive KIND ADDRESS [observe]          says its address, ends with 7
//
// getppid(2), which the library never calls, marks where the script begins and ends. With `observe` it
// prints, one a line, which calls the library's own observer saw.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "ipc/sys/call.hpp"
#include "tests/conformance/disturbed.hpp"
#include "tests/conformance/scripts.hpp"

namespace {

class Names final : public ipc::sys::Observer {
 public:
  Names() { names_.reserve(10000); }
  bool before(const ipc::sys::Call& call, ipc::sys::Result&) override {
    names_.push_back(call.name);
    return false;
  }
  const std::vector<const char*>& names() const { return names_; }

 private:
  std::vector<const char*> names_;
};

}  // namespace

int main(int argc, char** argv) {
  using namespace conformance;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc < 4) return 2;
  const std::string address = argv[3];
  const bool sends = std::strcmp(argv[1], "send") == 0;
  const bool observes = std::strcmp(argv[argc - 1], "observe") == 0;
  const auto* kind = find_kind(argv[2]);
  if (!kind) return 2;
  Names names;
  try {
    (void)::getppid();
    if (observes) ipc::sys::observe(&names);
    if (sends) {
      send_all(*kind, address, static_cast<std::uint32_t>(std::stoul(argv[4])));
    } else {
      const auto say = [](const std::string& own) {
        const auto line = own + "\n";
        expect(::write(1, line.data(), line.size()) > 0, "stdout");
      };
      receive_some(*kind, address, say, Deadline::after(20s));
    }
    if (observes) ipc::sys::observe(nullptr);
    (void)::getppid();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "call-script: %s\n", error.what());
    return 1;
  }
  for (const auto* name : names.names()) std::puts(name);
  return kUntouched;
}
