// The URLs that a client was given: on the command line, then line by line from a file.
#pragma once

#include <fstream>
#include <istream>
#include <string>
#include <vector>

namespace crawler {

class UrlList {
 public:
  /// `file` is "" for none, "-" for the standard input. Throws std::system_error if it cannot be
  /// opened.
  UrlList(std::vector<std::string> urls, const std::string& file);

  /// The next ones, at most `count`; none at the end. Empty lines, and those that begin with '#', are
  /// skipped; white space around a URL is not part of it. Waits for a file that is a pipe. Throws
  /// std::system_error if the file cannot be read to its end.
  std::vector<std::string> take(std::size_t count);

  /// False once take() is known to give nothing more. Never waits.
  bool may_have_more() const { return next_ < urls_.size() || (lines_ && !lines_->eof()); }

 private:
  std::vector<std::string> urls_;
  std::size_t next_ = 0;
  std::string name_;
  std::ifstream file_;
  std::istream* lines_ = nullptr;
};

}  // namespace crawler
