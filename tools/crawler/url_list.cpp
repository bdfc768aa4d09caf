#include "tools/crawler/url_list.hpp"

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

namespace crawler {

UrlList::UrlList(std::vector<std::string> urls, const std::string& file)
    : urls_(std::move(urls)), name_(file) {
  if (file == "-") {
    lines_ = &std::cin;
  } else if (!file.empty()) {
    // A directory can be opened for reading, and fails only then.
    if (std::filesystem::is_directory(file))
      throw std::system_error(EISDIR, std::generic_category(), "read " + file);
    file_.open(file);
    if (!file_) throw std::system_error(errno, std::generic_category(), "open " + file);
    lines_ = &file_;
  }
}

std::vector<std::string> UrlList::take(std::size_t count) {
  constexpr const char* white_space = " \t\r\f\v";
  std::vector<std::string> taken;
  while (taken.size() < count && next_ < urls_.size()) taken.push_back(urls_[next_++]);
  std::string line;
  while (taken.size() < count && lines_ != nullptr && std::getline(*lines_, line)) {
    const std::size_t first = line.find_first_not_of(white_space);
    if (first == line.npos || line[first] == '#') continue;
    taken.push_back(line.substr(first, line.find_last_not_of(white_space) - first + 1));
  }
  // Looks one character ahead, so that the end of a file is known with its last line. Not on the
  // standard input, where somebody may still be typing.
  if (lines_ == &file_ && *lines_) lines_->peek();
  if (lines_ != nullptr && lines_->bad())
    throw std::system_error(EIO, std::generic_category(), "read " + name_);
  return taken;
}

}  // namespace crawler
