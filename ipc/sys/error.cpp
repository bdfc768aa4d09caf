#include "ipc/sys/error.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <utility>

namespace ipc {
namespace {

// The errnos that stand for a limit wherever they come from; a call that knows which limit it was
// throws with a sentence of its own instead.
Trouble trouble_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case ENAMETOOLONG:
      return Trouble::limit;
    default:
      return Trouble::failed;
  }
}

std::string remedy_of(int error) {
  switch (error) {
    case EMFILE: {
      rlimit limit{};
      ::getrlimit(RLIMIT_NOFILE, &limit);
      return " (RLIMIT_NOFILE = " + std::to_string(limit.rlim_cur) +
             "; raise it with ulimit -n, for a service LimitNOFILE=)";
    }
    case ENFILE:
      return " (fs.file-max, for the whole system; raise it with sysctl(8))";
    default:
      return "";
  }
}

}  // namespace

Error::Error(Trouble trouble, int error, std::string sentence)
    : std::system_error(error, std::generic_category()),
      trouble_(trouble),
      sentence_(std::move(sentence)) {}

Error::Error(const char* call, const std::string& object, int error)
    : Error(trouble_of(error), error,
            std::string(call) + (object.empty() ? "" : " " + object) + ": " +
                std::generic_category().message(error) + remedy_of(error)) {}

}  // namespace ipc
