// Whatever a peer sends: cut into frames, decoded, and given to a machine over a small flow table.
#include <cstdint>
#include <cstring>
#include <memory>

#include "daemon/base/assert.hpp"
#include "forwarding/sync/peer_machine.hpp"
#include "forwarding/sync/test_table.hpp"

using namespace tandem;
using namespace tandem::forwarding::sync;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static TestTable table(2);
  const auto names = std::make_shared<const Names>(test_names());
  PeerMachine machine({.site = "s", .self = "a", .peer = "b"}, *table, names);
  machine.on(Start{}, kBegin);
  machine.on(LinkUp{}, kBegin);
  FrameSplitter splitter;
  for (size_t at = 0; at < size;) {
    // The pieces have varying lengths, so that frames end everywhere in them.
    const size_t piece = std::min<size_t>(size - at, 1 + (at * 7) % 301);
    std::memcpy(splitter.space().data(), data + at, piece);
    splitter.received(piece);
    at += piece;
    for (;;) {
      const auto raw = splitter.next();
      if (!raw) return 0;
      if (!*raw) break;
      // Into memory of its own, so that a step too far is seen.
      const Buffer body((*raw)->body.begin(), (*raw)->body.end());
      const auto frame = decode((*raw)->type, body);
      if (frame && std::holds_alternative<NamesPart>(*frame)) {
        // What was understood is said in the same bytes again.
        Buffer again;
        encode(again, std::get<NamesPart>(*frame));
        const auto twice = decode(static_cast<uint8_t>(FrameType::kNames), Bytes(again).subspan(sizeof(FrameHeader)));
        TANDEM_ASSERT(twice && std::get<NamesPart>(*twice) == std::get<NamesPart>(*frame));
      }
      machine.on(FrameReceived{(*raw)->type, body}, kBegin);
      Buffer out;
      while (machine.fill(out, kBegin)) {
        TANDEM_ASSERT(out.size() <= 4 * kMaxFrameSent);
        out.clear();
        machine.on(Written{}, kBegin);
      }
    }
  }
  return 0;
}
