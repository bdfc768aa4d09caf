// A case for each of several kinds.
#pragma once

#include <initializer_list>
#include <string>

#include <doctest/doctest.h>

#include "ipc/transport.hpp"

namespace test {

/// Runs the case that calls it once for each kind; returns the one whose turn it is.
inline const ipc::Kind& one_of(std::initializer_list<const ipc::Kind*> kinds) {
  const ipc::Kind* chosen = *kinds.begin();
  for (const ipc::Kind* kind : kinds) {
    const std::string name(kind->name);
    SUBCASE(name.c_str()) {
      chosen = kind;
    }
  }
  return *chosen;
}

}  // namespace test
