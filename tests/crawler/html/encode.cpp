#include "tests/crawler/html/encode.hpp"

#include <iconv.h>

#include <stdexcept>

namespace test {

std::string encode(std::string_view utf8, const char* to) {
  iconv_t handle = iconv_open(to, "UTF-8");
  std::string out(utf8.size() * 4 + 16, '\0');
  char* from = const_cast<char*>(utf8.data());
  std::size_t size = utf8.size();
  char* end = out.data();
  std::size_t room = out.size();
  std::size_t result = iconv(handle, &from, &size, &end, &room);
  iconv(handle, nullptr, nullptr, &end, &room);
  iconv_close(handle);
  if (result == static_cast<std::size_t>(-1)) {
    throw std::runtime_error(std::string("cannot encode as ") + to + ": " + std::string(utf8));
  }
  out.resize(out.size() - room);
  return out;
}

}  // namespace test
