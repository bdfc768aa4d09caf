#include "tools/ipc/kinds.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <boost/json.hpp>

#include "ipc/kinds.hpp"
#include "tools/ipc/contract.hpp"
#include "tools/ipc/guide.hpp"
#include "tools/ipc/layout.hpp"
#include "tools/ipc/limits.hpp"

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

constexpr std::size_t kIndent = 2;

boost::json::string_view json_of(std::string_view text) {
  return {text.data(), text.size()};
}

std::string heading(std::string_view text) {
  return "\n" + std::string(text) + "\n";
}

std::string traits_text(const ipc::Kind& kind) {
  std::string text = heading("Traits");
  for (const Trait& trait : kTraits)
    if (const char* words = kind.traits.*trait.value ? trait.yes : trait.no)
      text += wrapped("", kIndent, words);
  return text;
}

bool has_letter(std::string_view mark, char letter) {
  return mark.find(letter) != std::string_view::npos;
}

std::string contract_text(const ipc::Kind& kind) {
  std::size_t longest = 0;
  for (const auto sentence : contract_sentences()) longest = std::max(longest, sentence.size());
  std::string deviating;
  std::string void_of;  // sentences that mean nothing to this kind
  std::set<char> letters;
  for (const auto sentence : contract_sentences()) {
    const auto mark = contract_mark(kind.name, sentence);
    if (mark == "+") continue;
    std::string of_this;
    for (const Deviation& deviation : contract_deviations()) {
      if (!has_letter(mark, deviation.letter)) continue;
      of_this += std::string(of_this.empty() ? "" : ", ") + deviation.letter;
      letters.insert(deviation.letter);
    }
    if (of_this.empty())
      void_of += (void_of.empty() ? "" : ", ") + std::string(sentence);
    else
      deviating += wrapped("    " + std::string(sentence), kIndent + longest + 4, of_this);
  }
  std::string text = heading("Contract (docs/contract.md)");
  text += deviating.empty() ? wrapped("", kIndent, "keeps every sentence as it is written")
                            : wrapped("", kIndent, "keeps all, but in these:") + deviating;
  for (const Deviation& deviation : contract_deviations())
    if (letters.contains(deviation.letter))
      text += wrapped(std::string("  ") + deviation.letter, kIndent + 3, deviation.text);
  if (!void_of.empty()) text += wrapped("", kIndent, "does not apply: " + void_of);
  return text;
}

std::string amount_of(const Limit& limit) {
  if (limit.is_unlimited) return "unlimited";
  return limit.value ? grouped(*limit.value) : "unknown";
}

std::string limits_text(const Guide& guide) {
  std::vector<Limit> limits;
  std::size_t names = 0;
  std::size_t amounts = 0;
  for (const Bound& bound : guide.bounds) {
    limits.push_back(read_limit(bound.limit));
    names = std::max(names, limits.back().name.size());
    amounts = std::max(amounts, amount_of(limits.back()).size());
  }
  std::string text = heading("Limits of this machine, now");
  std::vector<std::string> remedies;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const Limit& limit = limits[i];
    const auto amount = amount_of(limit);
    std::string head = std::string(kIndent, ' ') + limit.name;
    head.resize(kIndent + names + 2 + amounts - amount.size(), ' ');
    head += amount + " ";
    std::string about = limit.unit;
    if (limit.free) about += " (" + grouped(*limit.free) + " free)";
    about += " " + std::string(guide.bounds[i].about);
    text += wrapped(head, head.size(), about);
    if (std::ranges::find(remedies, limit.remedy_of_family) == remedies.end())
      remedies.push_back(limit.remedy_of_family);
  }
  text += heading("Raised by");
  for (const auto& remedy : remedies) text += wrapped("", kIndent, remedy);
  return text;
}

std::string options_text(const ipc::Kind& kind) {
  std::string list;
  for (const std::string_view option : kind.options) {
    list += list.empty() ? "--" : " --";
    for (const char c : option) list += c == '_' ? '-' : c;
  }
  return heading("Options of its own") + wrapped("", kIndent, list);
}

boost::json::object limit_object(const Bound& bound) {
  const Limit limit = read_limit(bound.limit);
  boost::json::object object;
  object["name"] = limit.name;
  object["value"] = limit.value ? boost::json::value(*limit.value) : boost::json::value();
  object["unlimited"] = limit.is_unlimited;
  if (limit.free) object["free"] = *limit.free;
  object["unit"] = limit.unit;
  object["about"] = json_of(bound.about);
  object["remedy"] = limit.remedy;
  return object;
}

boost::json::object kind_object(const ipc::Kind& kind) {
  const Guide& guide = guide_to(kind.name);
  boost::json::object object;
  object["name"] = json_of(kind.name);
  object["summary"] = json_of(kind.summary);
  object["advice"] = json_of(guide.advice);
  boost::json::object& traits = object["traits"].emplace_object();
  for (const Trait& trait : kTraits) traits[trait.name] = kind.traits.*trait.value;
  boost::json::object& contract = object["contract"].emplace_object();
  boost::json::array& deviations = object["deviations"].emplace_array();
  std::string marks;
  for (const auto sentence : contract_sentences()) {
    const auto mark = contract_mark(kind.name, sentence);
    contract[json_of(sentence)] = json_of(mark);
    marks += mark;
  }
  for (const Deviation& deviation : contract_deviations())
    if (has_letter(marks, deviation.letter))
      deviations.push_back(boost::json::object{{"letter", std::string(1, deviation.letter)},
                                               {"because", json_of(deviation.because)},
                                               {"text", json_of(deviation.text)}});
  boost::json::array& limits = object["limits"].emplace_array();
  for (const Bound& bound : guide.bounds) limits.push_back(limit_object(bound));
  boost::json::array& options = object["options"].emplace_array();
  for (const std::string_view option : kind.options) options.emplace_back(json_of(option));
  return object;
}

}  // namespace

std::string kinds_text() {
  std::size_t names = 0;
  for (const ipc::Kind* kind : ipc::kinds::all) names = std::max(names, kind->name.size());
  std::string text;
  for (const ipc::Kind* kind : ipc::kinds::all) {
    text += wrapped(kind->name, names + 2, kind->summary);
    text += wrapped("", names + 2, guide_to(kind->name).advice);
  }
  return text + "\nipc kinds KIND tells more, with the limits of this machine.\n";
}

std::string kind_text(const ipc::Kind& kind) {
  const Guide& guide = guide_to(kind.name);
  return wrapped("", 0, std::string(kind.name) + ": " + std::string(kind.summary)) +
         wrapped("", 0, guide.advice) + traits_text(kind) + contract_text(kind) +
         limits_text(guide) + options_text(kind);
}

std::string kinds_json(const ipc::Kind* only) {
  std::string text;
  for (const ipc::Kind* kind : ipc::kinds::all) {
    if (only && kind != only) continue;
    text += (text.empty() ? "" : ",\n") + boost::json::serialize(kind_object(*kind));
  }
  return "[\n" + text + "\n]\n";
}

}  // namespace tools
