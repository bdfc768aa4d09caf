// From the address that a person types to a path.
//
// An address with a slash is a path as it stands. A bare name lives in one directory of the user,
// the first of: $IPC_DIR; $XDG_RUNTIME_DIR/ipc; /run/user/UID/ipc if /run/user/UID exists;
// /tmp/ipc-UID. The last three must be a directory of ours with mode 0700, not a link, or they are
// refused: /tmp is everybody's, and a name planted there would redirect our messages.
#pragma once

#include <cstddef>
#include <string>

namespace ipc::sys {

/// An address split into what the lease and the objects are made of. Absolute, so that it still
/// means the same after chdir(2).
struct Path {
  std::string directory;  ///< Without a trailing slash, but for the root.
  std::string name;       ///< The last component.

  std::string full() const { return in(name); }
  /// A sibling of the address.
  std::string in(const std::string& other) const {
    return (directory == "/" ? "" : directory) + "/" + other;
  }
};

/// Resolves `address`. Throws Trouble::invalid for an empty name, one that begins with a dot (those
/// are the library's own beside it), one longer than 200 bytes or with a NUL byte.
Path resolve(const std::string& address);

/// Makes the user's directory if `path` lies in it and it is missing, and checks that it is safe.
void prepare_directory(const Path& path);

/// If `address` is a bare name that exists in another of the directories above: that path, else "".
std::string found_elsewhere(const std::string& address);

/// kTokenDigits random hexadecimal digits, from getrandom(2).
std::string random_token();
inline constexpr std::size_t kTokenDigits = 16;

/// Whether `name` is ".TOKEN.WORD": the form of every name that the library makes beside an
/// address.
bool is_object_name(const std::string& name);
std::string object_name(const std::string& word);
/// The same for objects that live elsewhere, in name spaces that everybody shares: "ipc.TOKEN".
bool is_far_object_name(const std::string& name);
std::string far_object_name();

}  // namespace ipc::sys
