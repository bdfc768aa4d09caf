// Where a client's pages go: text or lines of JSON, to the standard output or into a file.
#pragma once

#include <string>
#include <string_view>

#include "tools/crawler/protocol.hpp"

namespace crawler {

/// Whoever read the standard output reads no more.
struct OutputClosed {};

class PageOutput {
 public:
  struct Form {
    bool as_json = false;
    bool has_headings = false;  ///< Text: a line with the URL before each page.
    std::string file;           ///< "" or "-": the standard output.
  };
  /// A file is written beside its place under another name: what was there before stays until all
  /// is written. Throws std::system_error.
  explicit PageOutput(const Form& form);
  /// Removes a file that was neither finished nor kept.
  ~PageOutput();
  PageOutput(const PageOutput&) = delete;
  PageOutput& operator=(const PageOutput&) = delete;

  /// Writes one page at once. `line` is what the outcome was read from. Throws std::system_error, or
  /// OutputClosed.
  void put(std::string_view line, const Outcome& outcome);
  /// Puts a file in its place.
  void finish();
  /// Puts a file that is not complete beside its place, with ".partial" at its end, and says so on
  /// stderr; not if nothing was written.
  void keep_partial();

 private:
  void write(std::string_view bytes);
  void write_text(const Outcome& outcome);

  Form form_;
  int fd_;
  bool is_terminal_ = false;
  bool is_first_ = true;
  bool is_empty_ = true;
  std::string place_;      // of the file, links followed; "" if it is written directly
  std::string temporary_;  // its name until it is finished
};

/// Text that shows on a terminal and does nothing else to it: control characters but line feed and
/// tab become U+FFFD. Pure.
std::string harmless(std::string_view utf8);

}  // namespace crawler
