#include "tests/site/encodings.hpp"

#include <iconv.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include <boost/beast/zlib/deflate_stream.hpp>
#include <boost/crc.hpp>

namespace site {
namespace {

namespace zlib = boost::beast::zlib;

// magic, deflate, no flags, no time, no extra flags, unknown system (RFC 1952, 2.3)
constexpr std::string_view gzip_head{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};

void append_little_endian(std::string& to, std::uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) to += static_cast<char>(value >> shift & 0xff);
}

std::string deflate(zlib::deflate_stream& stream, std::string_view bytes, zlib::Flush flush) {
  std::string out(stream.upper_bound(bytes.size()) + 64, '\0');
  zlib::z_params parameters;
  parameters.next_in = bytes.data();
  parameters.avail_in = bytes.size();
  parameters.next_out = out.data();
  parameters.avail_out = out.size();
  boost::system::error_code error;
  stream.write(parameters, flush, error);
  if (error && error != zlib::error::end_of_stream) throw std::runtime_error(error.message());
  if (parameters.avail_in != 0) throw std::logic_error("deflate left input over");
  out.resize(parameters.total_out);
  return out;
}

}  // namespace

std::string in_charset(std::string_view utf8, const char* charset) {
  const iconv_t converter = iconv_open(charset, "UTF-8");
  // iconv_open's error value is what its manual page says: a pointer of that integer.
  if (converter == reinterpret_cast<iconv_t>(-1))  // NOLINT(performance-no-int-to-ptr)
    throw std::runtime_error(std::string("iconv knows no ") + charset);
  std::string out(utf8.size() * 4 + 16, '\0');
  std::string source(utf8);
  char* in = source.data();
  std::size_t in_left = source.size();
  char* to = out.data();
  std::size_t out_left = out.size();
  // Anything but 0 is a failure or an irreversible replacement.
  const std::size_t result = iconv(converter, &in, &in_left, &to, &out_left);
  iconv_close(converter);
  if (result != 0)
    throw std::runtime_error(std::string(charset) + " lacks a character at \"" +
                             std::string(in, std::min<std::size_t>(in_left, 12)) + "\"");
  out.resize(out.size() - out_left);
  return out;
}

std::string gzip(std::string_view bytes) {
  zlib::deflate_stream stream;
  std::string out(gzip_head);
  out += deflate(stream, bytes, zlib::Flush::finish);
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  append_little_endian(out, static_cast<std::uint32_t>(crc.checksum()));
  append_little_endian(out, static_cast<std::uint32_t>(bytes.size()));
  return out;
}

// RFC 7932, 9.1 and 9.2. Bits fill each byte from the lowest: WBITS (one 0 bit says a window of
// 64 KiB), then per block ISLAST=0, MNIBBLES=0 (four nibbles of length), MLEN-1, ISUNCOMPRESSED=1,
// zeros to the byte's end, the bytes; at last ISLAST=1, ISLASTEMPTY=1.
std::string brotli(std::string_view bytes) {
  constexpr std::size_t block_size = 1 << 16;  // what four nibbles can count
  std::string out;
  std::uint32_t bits = 0;  // begins with WBITS = 0
  int width = 1;
  for (std::size_t at = 0; at < bytes.size(); at += block_size) {
    const std::string_view block = bytes.substr(at, block_size);
    const auto length = static_cast<std::uint32_t>(block.size() - 1);
    bits |= (length << 3 | 1U << 19) << width;
    width += 20;
    for (; width > 0; width -= 8, bits >>= 8) out += static_cast<char>(bits & 0xff);
    bits = 0;
    width = 0;
    out += block;
  }
  bits |= 3U << width;
  out += static_cast<char>(bits);
  return out;
}

Bomb gzip_bomb() {
  zlib::deflate_stream stream;
  std::string text;
  while (text.size() < (1 << 20)) text += "<p>more\n";
  Bomb bomb;
  // A full flush forgets the window and ends on a byte, so each copy stands by itself.
  bomb.head = std::string(gzip_head) + deflate(stream, text, zlib::Flush::full);
  bomb.again = deflate(stream, text, zlib::Flush::full);
  return bomb;
}

}  // namespace site
