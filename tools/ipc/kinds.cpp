#include "tools/ipc/kinds.hpp"

#include <array>

#include <boost/json.hpp>

#include "ipc/kinds.hpp"

namespace tools {
namespace {

struct Trait {
  const char* name;
  bool ipc::Traits::*value;
  const char* yes;  ///< For people; null: goes without saying.
  const char* no;
};

constexpr std::array kTraits{
    Trait{"named", &ipc::Traits::named, nullptr, "has no names: reached by an inherited end"},
    Trait{"needs_receiver", &ipc::Traits::needs_receiver, nullptr,
          "takes messages with nobody there"},
    Trait{"in_place", &ipc::Traits::in_place, "messages are built and read in place", nullptr},
    Trait{"proves_peer", &ipc::Traits::proves_peer, "the kernel proves who sent",
          "who sent is only claimed"},
    Trait{"acknowledges", &ipc::Traits::acknowledges, "--ack works", "cannot tell what was taken"},
    Trait{"bare", &ipc::Traits::bare, "--bare speaks with other programs", nullptr},
    Trait{"durable", &ipc::Traits::durable, "unread messages survive both sides", nullptr},
    Trait{"at_least_once", &ipc::Traits::at_least_once,
          "a killed receiver may cause one message to come twice", nullptr},
    Trait{"may_lose", &ipc::Traits::may_lose, "a killed sender may take finished messages with it",
          nullptr},
    Trait{"many_hosts", &ipc::Traits::many_hosts, "reaches other hosts", nullptr},
};
// A trait without a line here would be a deviation that nobody is told of.
static_assert(sizeof(ipc::Traits) == kTraits.size() * sizeof(bool));

}  // namespace

std::string kinds_text() {
  std::string text;
  for (const ipc::Kind* kind : ipc::kinds::all) {
    text += std::string(kind->name) + ": " + std::string(kind->summary) + "\n";
    for (const Trait& trait : kTraits)
      if (const char* words = kind->traits.*trait.value ? trait.yes : trait.no)
        text += std::string("    ") + words + "\n";
    text += "    options:";
    for (const std::string_view option : kind->options) {
      text += " --";
      for (const char c : option) text += c == '_' ? '-' : c;
    }
    text += "\n";
  }
  return text;
}

std::string kinds_json() {
  std::string text = "[\n";
  for (const ipc::Kind* kind : ipc::kinds::all) {
    boost::json::object object;
    object["name"] = boost::json::string_view(kind->name.data(), kind->name.size());
    object["summary"] = boost::json::string_view(kind->summary.data(), kind->summary.size());
    boost::json::object& traits = object["traits"].emplace_object();
    for (const Trait& trait : kTraits) traits[trait.name] = kind->traits.*trait.value;
    boost::json::array& options = object["options"].emplace_array();
    for (const std::string_view option : kind->options)
      options.emplace_back(boost::json::string_view(option.data(), option.size()));
    text += boost::json::serialize(object);
    text += kind == ipc::kinds::all.back() ? "\n" : ",\n";
  }
  return text + "]\n";
}

}  // namespace tools
