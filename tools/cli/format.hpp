// How a received message is written. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "ipc/transport.hpp"

namespace tools {

struct Format {
  enum class Style { line, raw, quoted, hex, json, pattern };
  Style style = Style::line;
  std::string pattern;      ///< With Style::pattern: %s %p %u %t %i and %%.
  bool nul = false;         ///< A NUL byte ends each message instead of a newline.
  bool for_people = false;  ///< stdout is a terminal: control characters become escapes.
};

/// line, raw, quoted, hex, json, or a template, which has a % in it. Throws UsageError.
Format parse_format(const std::string& text);

/// What is known of a message besides its bytes.
struct Arrival {
  std::uint64_t number = 0;  ///< From 1.
  std::chrono::system_clock::time_point time;
  ipc::Peer peer;
};

/// Appends the message to `out` as the format wants it, terminator included.
void append(std::string& out, const Format& format, std::string_view message,
            const Arrival& arrival);

/// Appends a JSON string, or {"hex": "..."} for what is no UTF-8, which JSON's strings have to be.
void append_json(std::string& out, std::string_view bytes);

/// The sender's process for people: "4711" if the kernel proves it, "4711 (claimed)" if only the
/// sender says so, "?" if nobody does.
std::string process_of(const ipc::Peer& peer);

/// Appends `text` so that it cannot steer a terminal: control characters but newline and tab, and
/// bytes that are not UTF-8, become \xNN.
void append_harmless(std::string& out, std::string_view text);

}  // namespace tools
