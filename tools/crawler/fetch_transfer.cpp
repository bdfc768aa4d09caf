#include "tools/crawler/fetch_transfer.hpp"

#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <new>
#include <utility>

#include "tools/crawler/address.hpp"
#include "tools/crawler/sniff.hpp"

namespace crawler {
namespace {

constexpr std::size_t max_head = std::size_t{256} << 10;  // bytes of all headers of one request
// Bytes of an unwanted body, an error page for example, read for the sake of its connection.
constexpr std::size_t max_unwanted = std::size_t{64} << 10;

std::string info_text(CURL* easy, CURLINFO info) {
  const char* value = nullptr;
  curl_easy_getinfo(easy, info, &value);
  return value == nullptr ? "" : value;
}

std::uint64_t info_number(CURL* easy, CURLINFO info) {
  curl_off_t value = 0;
  curl_easy_getinfo(easy, info, &value);
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

/// The word for an error of libcurl's.
std::string word_for(CURLcode code, bool is_connecting, std::string_view detail) {
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return "bad-url";
    case CURLE_COULDNT_RESOLVE_HOST:
      return "dns";
    case CURLE_COULDNT_CONNECT:
      return "connect";
    case CURLE_OPERATION_TIMEDOUT:  // the kernel's own time-out; ours come from the Fetcher
      return is_connecting ? "connect-timeout" : "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return "tls";
    case CURLE_GOT_NOTHING:
      return "no-answer";
    case CURLE_PARTIAL_FILE:
      return "truncated";
    case CURLE_BAD_CONTENT_ENCODING:
      return "bad-encoding";
    case CURLE_RECV_ERROR:
      // One code for a broken connection and for broken chunks; the sentence tells them apart.
      return detail.starts_with("Recv failure") || detail.find("SSL") != detail.npos ? "reset"
                                                                                     : "not-http";
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return "reset";
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9, which anything could be
      return "not-http";
    default:
      return "failed";
  }
}

}  // namespace

Transfer::Transfer(const Limits& limits, curl_slist* headers, OnPhase on_phase)
    : limits_(limits), on_phase_(std::move(on_phase)), easy_(curl_easy_init()) {
  if (!easy_) throw std::bad_alloc();
  CURL* const handle = easy();
  set_option(handle, CURLOPT_PRIVATE, this);
  set_option(handle, CURLOPT_ERRORBUFFER, sentence_.data());
  set_option(handle, CURLOPT_PREREQFUNCTION, &Transfer::on_request);
  set_option(handle, CURLOPT_PREREQDATA, this);
  set_option(handle, CURLOPT_OPENSOCKETFUNCTION, &Transfer::on_socket);
  set_option(handle, CURLOPT_OPENSOCKETDATA, this);
  set_option(handle, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set_option(handle, CURLOPT_HEADERDATA, this);
  set_option(handle, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set_option(handle, CURLOPT_WRITEDATA, this);
  set_option(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set_option(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set_option(handle, CURLOPT_PROXY, "");
  set_option(handle, CURLOPT_NOSIGNAL, 1L);
  // A look-up that does not answer is left behind with its thread; joining it would stop the loop.
  set_option(handle, CURLOPT_QUICK_EXIT, 1L);
  set_option(handle, CURLOPT_ACCEPT_ENCODING, "");  // all that this libcurl can unpack
  set_option(handle, CURLOPT_HTTPHEADER, headers);
  set_option(handle, CURLOPT_USERAGENT, limits_.user_agent.c_str());
  set_option(handle, CURLOPT_COOKIEFILE, "");  // switches cookies on, reads no file
  set_option(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  // The limit is kept by the Fetcher; libcurl's own, five minutes if unset, must not come first.
  const auto connect_time = static_cast<long>(limits_.connect_time.count());
  set_option(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_time * 2 + 1000);
}

Transfer& Transfer::of(CURL* easy) {
  Transfer* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  return *transfer;
}

void Transfer::begin(std::uint64_t id) {
  result = Fetched{};
  result.id = id;
  had_turn = false;
  redirects = 0;
  // Cookies live as long as one page's redirects: some sites redirect until theirs comes back.
  set_option(easy(), CURLOPT_COOKIELIST, "ALL");
}

void Transfer::aim() {
  has_head_ = is_success_ = is_sniffed_ = false;
  head_bytes_ = unwanted_bytes_ = 0;
  location_.clear();
  refused_address_.clear();
  verdict_.reset();
  sentence_[0] = '\0';
  set_option(easy(), CURLOPT_URL, target.url.c_str());
  // With HTTP/2 many pages share a connection, if those that follow wait for the first handshake.
  // Over plain HTTP they would wait for the first answer instead.
  set_option(easy(), CURLOPT_PIPEWAIT, target.is_secure ? 1L : 0L);
}

std::uint64_t Transfer::received() const {
  return info_number(easy(), CURLINFO_SIZE_DOWNLOAD_T) + head_bytes_;
}

bool Transfer::has_first_byte() const {
  // libcurl calls back with whole lines only, but notes when the first byte came.
  return info_number(easy(), CURLINFO_STARTTRANSFER_TIME_T) != 0;
}

bool Transfer::is_redirect() const {
  const std::uint64_t status = result.http_status;
  return is_settled() &&
         (status == 301 || status == 302 || status == 303 || status == 307 || status == 308);
}

std::optional<Failure> Transfer::failure(CURLcode code) const {
  if (verdict_) return verdict_;
  if (code == CURLE_OK) {
    if (is_success_ && !is_sniffed_ && looks_binary(result.body, result.content_type))
      return Failure{"binary", "the content is not text"};
    return std::nullopt;
  }
  if (code == CURLE_COULDNT_CONNECT && !refused_address_.empty())
    return Failure{"private-address", refused_address_ + " is not a public address"};
  const char* const detail = sentence_[0] != '\0' ? sentence_.data() : curl_easy_strerror(code);
  return Failure{word_for(code, phase == Phase::connecting, detail), detail};
}

int Transfer::on_request(void* self, char*, char*, int, int) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.on_phase_(transfer, Phase::waiting);
  return CURL_PREREQFUNC_OK;
}

// Here, and not on the name, private addresses are refused: between a check of the name and the
// connection the name could come to mean another address.
curl_socket_t Transfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (is_private(address->addr) && !transfer.may_be_private()) {
    transfer.refused_address_ = to_text(address->addr);
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool Transfer::may_be_private() const {
  return limits_.private_addresses ||
         std::any_of(limits_.allow_hosts.begin(), limits_.allow_hosts.end(),
                     [this](const std::string& host) {
                       return ::strcasecmp(host.c_str(), target.host.c_str()) == 0;
                     });
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  transfer.head_bytes_ += line.size();
  if (transfer.phase == Phase::waiting) transfer.on_phase_(transfer, Phase::receiving);
  bool is_fine = true;
  if (transfer.head_bytes_ > max_head)
    is_fine =
        transfer.refuse("too-large", "headers of more than " + std::to_string(max_head) + " bytes");
  // The empty line ends a head; trailers of a chunked body come later and mean nothing here.
  else if ((line == "\r\n" || line == "\n") && !transfer.has_head_)
    is_fine = transfer.accept_head();
  return is_fine ? line.size() : 0;
}

bool Transfer::refuse(std::string word, std::string detail) {
  verdict_ = Failure{std::move(word), std::move(detail)};
  return false;
}

bool Transfer::accept_head() {
  long status = 0;
  curl_easy_getinfo(easy(), CURLINFO_RESPONSE_CODE, &status);
  if (status < 200) return true;  // 100 Continue, 103 Early Hints: another head follows
  has_head_ = true;
  is_success_ = status < 300;
  result.http_status = static_cast<std::uint64_t>(status);
  result.content_type = info_text(easy(), CURLINFO_CONTENT_TYPE);
  if (!is_success_) {
    curl_header* header = nullptr;
    if (curl_easy_header(easy(), "Location", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
      location_ = header->value;
    return true;
  }
  if (!is_text_type(result.content_type)) return refuse("binary", result.content_type);
  const std::uint64_t length = info_number(easy(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T);
  if (length > limits_.max_body)
    return refuse("too-large", std::to_string(length) + " bytes announced");
  result.body.reserve(length);
  return true;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  return transfer.accept_body({data, size * count}) ? size * count : 0;
}

// Gets decompressed bytes, a buffer at a time: the count here is what stops a decompression bomb.
bool Transfer::accept_body(std::string_view bytes) {
  if (!is_success_) {
    unwanted_bytes_ += bytes.size();
    return unwanted_bytes_ <= max_unwanted;
  }
  std::string& body = result.body;
  if (bytes.size() > limits_.max_body - body.size())
    return refuse("too-large", "more than " + std::to_string(limits_.max_body) + " bytes unpacked");
  body.append(bytes);
  if (is_sniffed_ || body.size() < sniff_length) return true;
  is_sniffed_ = true;
  return !looks_binary(body, result.content_type) || refuse("binary", "the content is not text");
}

}  // namespace crawler
