// Writes the table of named character references as a trie, at build time.
//
// The tokenizer sees a name letter by letter, perhaps over several pieces of input, and must know
// at each letter whether the name can still go on and which shorter name it has passed. A trie
// whose siblings lie side by side answers both with one index of state.
//
// usage: make_entities entities.txt entity_table.hpp
#include <cstdint>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Node {
  std::map<char, Node> children;
  std::size_t value = 0;  // 1 + index into the values; 0 when no name ends here
};

std::string utf8(std::uint32_t point) {
  auto byte = [](std::uint32_t value) { return static_cast<char>(value); };
  if (point < 0x80) return {byte(point)};
  if (point < 0x800) return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
  if (point < 0x10000) {
    return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)),
            byte(0x80 | (point & 0x3F))};
  }
  return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)),
          byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
}

struct Table {
  Node root;
  std::vector<std::string> values;
};

Table read(std::istream& in) {
  Table table;
  std::map<std::string, std::size_t> known;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name;
    std::string text;
    fields >> name >> std::hex;
    for (std::uint32_t point = 0; fields >> point;) text += utf8(point);
    if (text.empty()) throw std::runtime_error("no code point: " + line);
    auto [entry, is_new] = known.emplace(text, table.values.size() + 1);
    if (is_new) table.values.push_back(text);
    Node* node = &table.root;
    for (char letter : name) node = &node->children[letter];
    node->value = entry->second;
  }
  return table;
}

void write(const Table& table, std::ostream& out) {
  out << "// Made by make_entities from entities.txt; see there.\n#pragma once\n"
         "#include \"tools/crawler/html/entities.hpp\"\n\nnamespace crawler::html {\n\n"
         "inline constexpr EntityNode entity_nodes[] = {\n";
  // Breadth first: the children of a node follow one another, and a node needs to know only where
  // they start. The root's children are first, at 0; no other node's are, so 0 means "none".
  std::deque<const Node*> waiting{&table.root};
  std::size_t next = table.root.children.size();
  std::size_t count = 0;
  while (!waiting.empty()) {
    const Node* parent = waiting.front();
    waiting.pop_front();
    for (const auto& [letter, child] : parent->children) {
      bool is_last = letter == parent->children.rbegin()->first;
      out << "{'" << letter << "'," << (is_last ? "true," : "false,")
          << (child.children.empty() ? 0 : next) << ',' << child.value << "},\n";
      next += child.children.size();
      waiting.push_back(&child);
      ++count;
    }
  }
  if (count > UINT16_MAX) throw std::runtime_error("the trie outgrew its 16-bit indexes");
  out << "};\n\ninline constexpr EntityText entity_texts[] = {\n";
  out << std::hex;
  for (const std::string& value : table.values) {
    out << "{\"";
    for (char byte : value) out << "\\x" << static_cast<unsigned>(static_cast<unsigned char>(byte));
    out << "\"," << value.size() << "},\n";
  }
  out << "};\n\n}  // namespace crawler::html\n";
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw std::runtime_error("usage: make_entities entities.txt entity_table.hpp");
    std::ifstream in(argv[1]);
    if (!in) throw std::runtime_error(std::string("cannot read ") + argv[1]);
    Table table = read(in);
    std::ofstream out(argv[2]);
    write(table, out);
    if (!out.flush()) throw std::runtime_error(std::string("cannot write ") + argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "make_entities: " << error.what() << '\n';
    return 1;
  }
}
