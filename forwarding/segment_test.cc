// Pieces put together again are the packet they came from.
#include "forwarding/segment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "daemon/base/checksum.hpp"
#include "forwarding/testing/director.hpp"

namespace tandem::forwarding {
namespace {

using namespace testing;

TEST(Segment, LosesNoByteWhateverTheSizes) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const size_t size = random() % 9000;
    Frame frame = from_client()
                      .ip_options(random() % 4)
                      .tcp_options(random() % 6)
                      .ack()
                      .payload(size)
                      .in_segments_of(static_cast<uint16_t>(1 + random() % 1460))
                      .build();
    const Packet packet = *parse(frame.in());
    Outputs outputs;
    std::vector<std::byte> payload;
    size_t pieces = 0;
    ASSERT_EQ(segment(packet, packet.offload.gso_size, outputs,
                      [&](MutableBytes piece) {
                        ASSERT_EQ(checksum_fault(piece), std::nullopt);
                        payload.insert(payload.end(), piece.begin() + packet.payload_offset, piece.end());
                        ++pieces;
                      }),
              Cut::kDone);
    EXPECT_EQ(pieces, packet.wire_packets());
    EXPECT_TRUE(std::ranges::equal(payload, packet.bytes.subspan(packet.payload_offset)));
  }
}

TEST(Fragment, LosesNoByteWhateverTheSizes) {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    Frame frame = packet()
                      .ipv4("192.0.2.7", "198.51.100.10")
                      .ip_options(random() % 4)
                      .udp(1, 53)
                      .payload(random() % 4000)
                      .build();
    const Packet packet = *parse(frame.in());
    const size_t mtu = 68 + random() % 1500;
    Outputs outputs;
    std::vector<std::byte> payload;
    bool last_seen = false;
    ASSERT_EQ(fragment(packet, mtu, outputs,
                       [&](MutableBytes piece) {
                         const auto& header = *wire_at<Ipv4Header>(piece);
                         ASSERT_LE(piece.size(), mtu);
                         ASSERT_EQ(internet_checksum(piece.first(packet.header_length)), 0);
                         ASSERT_EQ(header.fragment_offset(), payload.size());
                         ASSERT_FALSE(last_seen);
                         last_seen = !header.more_fragments();
                         payload.insert(payload.end(), piece.begin() + packet.header_length, piece.end());
                       }),
              Cut::kDone);
    EXPECT_TRUE(last_seen);
    EXPECT_TRUE(std::ranges::equal(payload, packet.bytes.subspan(packet.header_length)));
  }
}

TEST(CompleteChecksum, FillsWhatAFullComputationWouldFill) {
  for (size_t size = 0; size < 100; ++size) {
    for (PacketBuilder builder :
         {from_client().ack().payload(size), packet().ipv4("192.0.2.7", "10.0.0.1").udp(7, 8).payload(size)}) {
      const Frame filled = builder.build();
      Frame unfilled = builder.unfilled().build();
      Packet packet = *parse(unfilled.in());
      complete_checksum(packet);
      EXPECT_FALSE(packet.offload.checksum_unfilled);
      EXPECT_EQ(unfilled.buffer, filled.buffer);
    }
  }
}

TEST(Segment, RefusesWhatIsNotTcp) {
  Frame frame = packet().ipv4("192.0.2.7", "198.51.100.10").udp(1, 53).payload(100).build();
  Outputs outputs;
  EXPECT_EQ(segment(*parse(frame.in()), 10, outputs, [](MutableBytes) {}), Cut::kCannot);
}

}  // namespace
}  // namespace tandem::forwarding
