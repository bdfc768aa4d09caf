// The main function of tests whose objects lie in places that all processes share: they get places of
// their own, so that what others leave there for a moment is not taken for theirs.
#include <doctest/doctest.h>

#include "tests/support/guard.hpp"

int main(int argc, char** argv) {
  test::take_own_objects();
  return doctest::Context(argc, argv).run();
}
