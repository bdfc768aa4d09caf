#include "ipc/wire/letter_name.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using ipc::wire::LetterName;

TEST_CASE("a letter's name says what it was made of, at the edges of every field") {
  for (const std::uint64_t ticket : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}})
    for (const std::uint32_t sender : {0u, 64u, 0xffffffffu})
      for (const std::uint32_t message : {0u, 7u, 0xffffffffu}) {
        const LetterName name{ticket, sender, message};
        CHECK(LetterName::parse(name.text()) == name);
      }
  CHECK(LetterName{0x4f, 0x82, 7}.text() == "000000000000004f.00000082.00000007");
}

TEST_CASE("nothing else is a letter's name") {
  const std::string right = "000000000000004f.00000082.00000007";
  CHECK(LetterName::parse(right));
  CHECK_FALSE(LetterName::parse(""));
  CHECK_FALSE(LetterName::parse(right + "0"));
  CHECK_FALSE(LetterName::parse(right.substr(1)));
  CHECK_FALSE(LetterName::parse("000000000000004F.00000082.00000007"));
  for (std::size_t at = 0; at < right.size(); ++at)
    for (const char wrong : {'g', '-', '+', ' ', '/', '\0', 'A'}) {
      std::string name = right;
      name[at] = wrong;
      CAPTURE(name);
      CHECK_FALSE(LetterName::parse(name));
    }
}

TEST_CASE("names in alphabetical order are in the order of their tickets") {
  std::vector<LetterName> names{{0x100, 1, 1}, {2, 9, 5}, {0xff, 70, 1}, {1, 4, 4}, {0x10, 2, 2}};
  std::vector<std::string> texts;
  for (const auto& name : names) texts.push_back(name.text());
  std::ranges::sort(names);
  std::ranges::sort(texts);
  for (std::size_t i = 0; i < names.size(); ++i) CHECK(names[i].text() == texts[i]);
}

}  // namespace
