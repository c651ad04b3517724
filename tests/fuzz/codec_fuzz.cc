// The codec against anything a room might send: it never crashes, and what it accepts it says again in the same way.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "daemon/bus/codec.hpp"
#include "daemon/bus/frame_reader.hpp"

using namespace tandem::bus;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto message = decode(text, kMostBytesFromRoom)) {
    const std::string once = encode(*message);
    const auto again = decode(once, kMostBytesFromSupervisor);
    if (!again || encode(*again) != once) std::abort();
  } else {
    (void)decode_frame(text, kMostBytesFromRoom);
  }

  // The same bytes as a stream, in pieces of changing size: frames must not depend on how they arrive.
  FrameReader whole(1000), pieces(1000);
  std::string of_whole, of_pieces;
  const auto drain = [](FrameReader& reader, std::string& out) {
    while (true) {
      const auto next = reader.next();
      if (!next) return false;
      if (!*next) return true;
      out.append(**next).append("|");
    }
  };
  whole.add(text);
  const bool whole_good = drain(whole, of_whole);
  bool pieces_good = true;
  for (size_t at = 0, step = 1; at < size && pieces_good; at += step, step = step % 7 + 1) {
    pieces.add(text.substr(at, step));
    pieces_good = drain(pieces, of_pieces);
  }
  if (of_whole != of_pieces || whole_good != pieces_good) std::abort();
  return 0;
}
