// `ipc kinds`: what mechanisms there are and what each can do.
#pragma once

#include <string>

namespace tools {

/// A paragraph for each kind: name, summary, traits, options.
std::string kinds_text();
/// The same as a JSON array, one object for each kind, each on a line of its own.
std::string kinds_json();

}  // namespace tools
