#include "tests/bench/bare.hpp"

namespace bench {

std::unique_ptr<Channel> bare_channel(std::string_view kind, const Place& place, std::size_t size) {
  const std::string path = place.directory + "/" + place.name;
  if (kind == "pipe") return bare_pipe(size);
  if (kind == "fifo") return bare_fifo(path, size);
  if (kind == "stream") return bare_stream(size);
  if (kind == "tcp") return bare_tcp(size);
  if (kind == "dgram") return bare_dgram(path, size);
  if (kind == "seqpacket") return bare_seqpacket(size);
  if (kind == "mq") return bare_mq("/" + place.name, size);
  if (kind == "sysv-mq") return bare_sysv_mq(size);
  if (kind == "shm") return bare_ring(size);
  return nullptr;
}

}  // namespace bench
