#include "ipc/kinds.hpp"

namespace ipc::kinds {

const Kind* find(std::string_view name) {
  for (const Kind* kind : all)
    if (kind->name == name) return kind;
  return nullptr;
}

std::string names() {
  std::string list;
  for (const Kind* kind : all) {
    if (!list.empty()) list += ", ";
    list += kind->name;
  }
  return list;
}

}  // namespace ipc::kinds
