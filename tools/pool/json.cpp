// Boost.JSON compiled here once. Linked as a shared library it would be one more to load before
// main(), and until main() has blocked SIGUSR1 that signal still kills the daemon.
#include <boost/json/src.hpp>
