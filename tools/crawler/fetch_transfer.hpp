// One request after the other over one reusable handle of libcurl's: what its callbacks see and
// decide. Time and turns are the Fetcher's business (fetch.cpp). Part of fetch.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <curl/curl.h>

#include "tools/crawler/fetch.hpp"
#include "tools/crawler/fetch_target.hpp"

namespace crawler {

/// Sets one option of an easy or multi handle; a refusal is a mistake in this program.
template <class Value>
void set_option(CURL* easy, CURLoption option, Value value) {
  if (const CURLcode result = curl_easy_setopt(easy, option, value); result != CURLE_OK)
    throw std::logic_error(std::string("curl_easy_setopt: ") + curl_easy_strerror(result));
}

/// Stays at its address while it is in use: libcurl holds a pointer to it.
class Transfer {
 public:
  enum class Phase {
    queued,      ///< Not given to libcurl.
    connecting,  ///< Name look-up, connection, TLS.
    waiting,     ///< The request is sent.
    receiving,   ///< The answer has begun.
  };
  using OnPhase = std::function<void(Transfer&, Phase)>;

  /// `headers` and `limits` must outlive it. `on_phase` is called from inside libcurl for `waiting`
  /// and `receiving`; it must not call libcurl's multi interface.
  Transfer(const Limits& limits, curl_slist* headers, OnPhase on_phase);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  /// The transfer that a handle belongs to.
  static Transfer& of(CURL* easy);
  CURL* easy() const { return easy_.get(); }

  /// Makes the handle ready for a page of its own: no cookies of the page before.
  void begin(std::uint64_t id);
  /// Makes the handle ready for one request to `target`.
  void aim();

  /// Bytes of the present answer so far, headers included, as they travelled.
  std::uint64_t received() const;
  /// Whether the first byte of an answer has come, be the first line complete or not.
  bool has_first_byte() const;
  /// Whether the headers tell all that matters: no success, so the body is not wanted.
  bool is_settled() const { return has_head_ && !is_success_; }
  /// The target of a redirect, "" if the answer is none or names no target. Only once is_settled().
  const std::string& location() const { return location_; }
  bool is_redirect() const;
  /// What libcurl's verdict on the request means; nothing for success.
  std::optional<Failure> failure(CURLcode code) const;

  Fetched result;
  FetchTarget target;
  Phase phase = Phase::queued;
  // The Fetcher's notes.
  bool had_turn = false;
  std::chrono::steady_clock::time_point turn;
  std::uint64_t redirects = 0;
  std::uint64_t task = 0;          ///< The page; its alarms hold while this stays.
  std::uint64_t step = 0;          ///< The phase; likewise.
  std::uint64_t window_bytes = 0;  ///< received() when the low-speed window began.

 private:
  struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  };

  static int on_request(void* self, char*, char*, int, int);
  static curl_socket_t on_socket(void* self, curlsocktype, curl_sockaddr* address);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  bool may_be_private() const;
  bool accept_head();
  bool accept_body(std::string_view bytes);
  bool refuse(std::string word, std::string detail);

  const Limits& limits_;
  OnPhase on_phase_;
  std::array<char, CURL_ERROR_SIZE> sentence_{};  // libcurl's, about its last error
  bool has_head_ = false;
  bool is_success_ = false;
  bool is_sniffed_ = false;
  std::size_t head_bytes_ = 0;
  std::size_t unwanted_bytes_ = 0;
  std::string location_;
  std::string refused_address_;
  std::optional<Failure> verdict_;  // why a callback stopped the request
  std::unique_ptr<CURL, EasyDeleter> easy_;
};

}  // namespace crawler
