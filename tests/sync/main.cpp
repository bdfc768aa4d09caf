#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "tests/support/guard.hpp"

int main(int argc, char** argv) {
  test::take_own_objects();
  return doctest::Context(argc, argv).run();
}
