#include "tools/explain.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace tools {
namespace {

// Where reasons begin, if the call leaves room; a terminal of 100 columns then shows most of them.
constexpr std::size_t kReasonColumn = 44;
// Descriptors from here on are ours, so that those of the transport have the numbers that they
// would have without a narrator.
constexpr int kFirstDescriptor = 200;

std::string in_columns(std::string call, const char* reason) {
  if (call.size() < kReasonColumn) call.resize(kReasonColumn, ' ');
  return call + " # " + reason + "\n";
}

std::string error_name(int error) {
  const char* name = ::strerrorname_np(error);
  return name != nullptr ? name : std::to_string(error);
}

}  // namespace

Narrator::Narrator(Narration narration)
    : narration_(narration), fd_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, kFirstDescriptor)) {
  // A low RLIMIT_NOFILE makes it EINVAL; any number will do then.
  if (fd_ < 0) fd_ = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (fd_ < 0) throw ipc::Error("fcntl", "stderr", errno);
  before_ = ipc::sys::observe(this);
}

Narrator::~Narrator() {
  ipc::sys::observe(before_);
  ::close(fd_);
}

void Narrator::after(const ipc::sys::Call& call, const ipc::sys::Result& result) {
  if (narration_ == Narration::json) {
    boost::json::object object;
    object["pid"] = ::getpid();
    object["call"] = call.name;
    object["arguments"] = call.arguments();
    object["result"] = result.value;
    if (!result.ok()) object["error"] = error_name(result.error);
    object["why"] = call.why;
    return print(boost::json::serialize(object) + "\n");
  }
  std::string text =
      std::string(call.name) + "(" + call.arguments() + ") = " + std::to_string(result.value);
  if (!result.ok()) {
    text +=
        " " + error_name(result.error) + " (" + std::generic_category().message(result.error) + ")";
  }
  print(in_columns(std::move(text), call.why));
}

void Narrator::remark(const char* what) {
  print_aside(what, false);
}

void Narrator::unseen(const char* what) {
  print_aside(what, true);
}

void Narrator::print_aside(const char* what, bool is_unseen) const {
  if (narration_ == Narration::json) {
    boost::json::object object;
    object["pid"] = ::getpid();
    object["call"] = nullptr;
    if (is_unseen) object["unseen"] = true;
    object["why"] = what;
    return print(boost::json::serialize(object) + "\n");
  }
  print(in_columns(is_unseen ? "(unseen)" : "(no call)", what));
}

void Narrator::print(std::string line) const {
  if (::write(fd_, line.data(), line.size()) < 0) return;
}

std::unique_ptr<Narrator> narrate(Narration narration) {
  return narration == Narration::none ? nullptr : std::make_unique<Narrator>(narration);
}

}  // namespace tools
