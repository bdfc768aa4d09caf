// `ipc kinds`: what mechanisms there are, what each can do, and what this machine allows it.
#pragma once

#include <string>

namespace ipc {
struct Kind;
}

namespace tools {

/// All kinds, a few lines each: summary and advice.
std::string kinds_text();
/// One kind: advice, traits, where it keeps less than the contract, the limits of this machine as
/// they are now and their remedies, options.
std::string kind_text(const ipc::Kind& kind);
/// All of that as a JSON array with one object for each kind, each on a line of its own; with `only`,
/// of that one.
std::string kinds_json(const ipc::Kind* only = nullptr);

}  // namespace tools
