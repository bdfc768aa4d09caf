#include "tools/crawler/totals.hpp"

namespace crawler {

void Totals::count(Fate fate) {
  switch (fate) {
    case Fate::ok:
      ++downloaded;
      break;
    case Fate::failed:
      ++failed;
      break;
    case Fate::pending:
      ++pending;
      break;
  }
}

std::string Totals::line() const {
  return "Downloaded URLs: " + std::to_string(downloaded) + " (" + std::to_string(failed) +
         " failed, " + std::to_string(pending) + " pending)";
}

}  // namespace crawler
