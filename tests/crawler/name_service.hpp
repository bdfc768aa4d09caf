// Replaces getaddrinfo(3) for the names of a test; all others go to the C library.
#pragma once

namespace support {

/// While one exists, looking up "never.test" does not return; it fails when the object ends.
/// "inside.test" always means 127.0.0.1.
class SilentNameService {
 public:
  SilentNameService();
  ~SilentNameService();
  SilentNameService(const SilentNameService&) = delete;
  SilentNameService& operator=(const SilentNameService&) = delete;
  /// How many look-ups of "never.test" have not returned.
  int waiting() const;
};

}  // namespace support
