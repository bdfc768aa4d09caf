// The test framework itself, for programs that have a main of their own.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
