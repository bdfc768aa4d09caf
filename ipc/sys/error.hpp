// The one exception type of the library.
//
// What callers plan for is returned as a Status; an Error is for what they do not. `trouble` says
// what a caller can do about it, `code()` what the kernel said, `what()` is one sentence for
// people: the call, the object, the reason and, for a limit, its name, its value and the remedy.
#pragma once

#include <string>
#include <system_error>

namespace ipc {

enum class Trouble {
  failed,       ///< The call failed; the errno says why.
  no_receiver,  ///< connect: nobody receives there now. Start one, or wait.
  in_use,       ///< listen: a live receiver holds the address.
  invalid,      ///< The caller's arguments cannot work, now or later.
  limit,        ///< A limit of the system or of the channel; what() names the remedy.
  corrupt,      ///< The object is damaged or of another version.
};

class Error : public std::system_error {
 public:
  /// `sentence` becomes what(), word for word.
  Error(Trouble trouble, int error, std::string sentence);
  /// "call object: reason", the reason being strerror(3)'s; the trouble is derived from the errno.
  Error(const char* call, const std::string& object, int error);

  Trouble trouble() const { return trouble_; }
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  Trouble trouble_;
  std::string sentence_;
};

}  // namespace ipc
