#include "tools/crawler/page_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

namespace crawler {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

mode_t usual_mode() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}

/// A device or a FIFO is written to as it is; only a plain file can be replaced.
bool is_replaced(const std::string& file) {
  struct stat about {};
  return ::stat(file.c_str(), &about) == -1 ? errno == ENOENT : S_ISREG(about.st_mode);
}

}  // namespace

PageOutput::PageOutput(const Form& form) : form_(form), fd_(STDOUT_FILENO) {
  if (form_.file.empty() || form_.file == "-") {
    is_terminal_ = ::isatty(fd_) == 1;
    return;
  }
  if (!is_replaced(form_.file)) {
    fd_ = ::open(form_.file.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd_ == -1) fail("open " + form_.file);
    return;
  }
  place_ = std::filesystem::weakly_canonical(form_.file);
  temporary_ = place_ + ".XXXXXX";
  fd_ = ::mkostemp(temporary_.data(), O_CLOEXEC);
  if (fd_ == -1) {
    temporary_.clear();
    fail("create a file beside " + form_.file);
  }
  if (::fchmod(fd_, usual_mode()) == -1) fail("chmod " + temporary_);
}

PageOutput::~PageOutput() {
  if (fd_ != STDOUT_FILENO) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void PageOutput::put(std::string_view line, const Outcome& outcome) {
  if (form_.as_json)
    write(std::string(line) + "\n");
  else if (outcome.page.status == Fate::ok)
    write_text(outcome);
}

void PageOutput::write_text(const Outcome& outcome) {
  std::string text;
  if (form_.has_headings) {
    if (!is_first_) text += "\n";
    is_first_ = false;
    text += "==> " + outcome.url + " <==\n";
  }
  text += outcome.page.text;
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  write(is_terminal_ ? harmless(text) : text);
}

void PageOutput::write(std::string_view bytes) {
  if (!bytes.empty()) is_empty_ = false;
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      // Somebody who shares the open file made it non-blocking.
      pollfd writable{fd_, POLLOUT, 0};
      ::poll(&writable, 1, -1);
    } else if (errno == EPIPE) {
      throw OutputClosed{};
    } else if (errno != EINTR) {
      fail("write " + (fd_ == STDOUT_FILENO ? "the standard output" : form_.file));
    }
  }
}

void PageOutput::finish() {
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), place_.c_str()) == -1) fail("rename " + temporary_);
  temporary_.clear();
}

void PageOutput::keep_partial() {
  if (temporary_.empty() || is_empty_) return;
  const std::string partial = place_ + ".partial";
  if (::rename(temporary_.c_str(), partial.c_str()) == -1) fail("rename " + temporary_);
  temporary_.clear();
  std::fprintf(stderr, "crawl: what came is in %s\n", harmless(partial).c_str());
}

std::string harmless(std::string_view utf8) {
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string out;
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto byte = static_cast<unsigned char>(utf8[i]);
    // C1 controls, U+0080 to U+009F, are C2 80 to C2 9F.
    const bool is_c1 =
        byte == 0xc2 && i + 1 < utf8.size() && static_cast<unsigned char>(utf8[i + 1]) < 0xa0;
    if (is_c1) ++i;
    if (is_c1 || byte == 0x7f || (byte < 0x20 && byte != '\n' && byte != '\t'))
      out += replacement;
    else
      out += utf8[i];
  }
  return out;
}

}  // namespace crawler
