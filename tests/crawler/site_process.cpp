#include "tests/crawler/site_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include <boost/json/parse.hpp>

namespace support {
namespace {

int checked(int result, const char* call) {
  if (result == -1) throw std::system_error(errno, std::generic_category(), call);
  return result;
}

std::string read_until(int fd, char last) {
  std::string text;
  for (char c = 0; text.empty() || text.back() != last; text += c)
    if (::read(fd, &c, 1) != 1) break;
  return text;
}

}  // namespace

SiteProcess::SiteProcess(unsigned pages) {
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  checked(::pipe2(input.data(), O_CLOEXEC), "pipe2");
  checked(::pipe2(output.data(), O_CLOEXEC), "pipe2");

  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  std::string count = std::to_string(pages);
  std::array<char*, 5> arguments{const_cast<char*>(SITE_PROGRAM), const_cast<char*>("--lifeline"),
                                 const_cast<char*>("--pages"), count.data(), nullptr};
  const int error =
      ::posix_spawn(&pid_, SITE_PROGRAM, &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  lifeline_ = input[1];
  const std::string line = error == 0 ? read_until(output[0], '\n') : "";
  ::close(output[0]);
  if (error != 0) throw std::system_error(error, std::generic_category(), SITE_PROGRAM);
  const std::size_t colon = line.rfind(':');
  if (colon == line.npos) throw std::runtime_error("the demo site did not start");
  port_ = static_cast<unsigned short>(std::strtoul(line.c_str() + colon + 1, nullptr, 10));
}

SiteProcess::~SiteProcess() {
  ::close(lifeline_);
  ::waitpid(pid_, nullptr, 0);
}

boost::json::object SiteProcess::stats() const {
  const int fd = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  checked(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  const std::string request = "GET /stats HTTP/1.1\r\nHost: " + host() + "\r\n\r\n";
  checked(static_cast<int>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL)), "send");
  // The answer is one line of JSON after the headers.
  std::string answer;
  do answer += read_until(fd, '\n');
  while (!answer.empty() && !answer.ends_with("}\n"));
  ::close(fd);
  return boost::json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).as_object();
}

}  // namespace support
