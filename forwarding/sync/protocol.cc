#include "forwarding/sync/protocol.hpp"

#include <algorithm>
#include <cstring>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding::sync {
namespace {

// The fixed parts of the bodies, as they are on the wire.
struct HelloWire {
  be16 version;
  be64 boot_id;  // then site, director, digest as counted text
};
struct NamesWire {
  uint8_t flags;  // 1: first, 2: last
  be16 services;
  be16 servers;
};
struct ServiceNameWire {
  be16 number;
  uint8_t protocol;
  be16 port;
  be32 address;  // then the name as counted text
};
struct ServerNameWire {
  be16 number;
  be16 service;
  be16 port;
  be32 address;  // then the name as counted text
};
struct ServiceName6Wire {
  be16 number;
  uint8_t protocol;
  be16 port;
  std::array<uint8_t, 16> address;
};
struct ServerName6Wire {
  be16 number;
  be16 service;
  be16 port;
  std::array<uint8_t, 16> address;
};
struct RouterReportWire {
  uint8_t state;
  uint8_t priority;  // then the name as counted text
};
static_assert(sizeof(HelloWire) == 10 && sizeof(NamesWire) == 5 && sizeof(ServiceNameWire) == 9);
static_assert(sizeof(ServerNameWire) == 10 && sizeof(ServiceName6Wire) == 21 && sizeof(ServerName6Wire) == 22);

constexpr uint8_t kFirst = 1;
constexpr uint8_t kLast = 2;

// Reads fields one after the other. After the first one that is not there nothing more is read, and
// complete() is false: one check at the end stands for all.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  template <class Wire>
  Wire read() {
    const Wire* wire = ok_ ? wire_at<Wire>(bytes_, at_) : nullptr;
    if (wire == nullptr) {
      ok_ = false;
      return {};
    }
    at_ += sizeof(Wire);
    return *wire;
  }

  std::string read_text() {
    const size_t length = read<uint8_t>();
    if (!ok_ || bytes_.size() - at_ < length) {
      ok_ = false;
      return {};
    }
    const auto* first = reinterpret_cast<const char*>(bytes_.data() + at_);
    at_ += length;
    return {first, length};
  }

  // A name is never empty: nothing can be found by it.
  std::string read_name() {
    std::string name = read_text();
    if (ok_ && name.empty()) misshapen_ = true;
    return name;
  }

  bool complete() const { return ok_; }
  bool misshapen() const { return misshapen_; }
  bool at_end() const { return at_ == bytes_.size(); }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  bool ok_ = true;
  bool misshapen_ = false;
};

template <class T>
Result<Frame, FrameError> finish(const Reader& reader, T&& frame, bool may_grow) {
  if (!reader.complete()) return Failure(FrameError::kTruncated);
  if (reader.misshapen() || (!may_grow && !reader.at_end())) return Failure(FrameError::kMisshapen);
  return Frame(std::forward<T>(frame));
}

Result<Frame, FrameError> decode_hello(Reader reader) {
  const auto wire = reader.read<HelloWire>();
  Hello hello{.version = wire.version, .boot_id = wire.boot_id};
  hello.site = reader.read_text();
  hello.director = reader.read_text();
  hello.digest = reader.read_text();
  return finish(reader, std::move(hello), true);
}

IpAddress address_of(const be32& wire) {
  return Ipv4Address{wire};
}
IpAddress address_of(const std::array<uint8_t, 16>& wire) {
  return Ipv6Address{wire};
}
void put_address(const IpAddress& address, be32& wire) {
  wire = address.v4.value;
}
void put_address(const IpAddress& address, std::array<uint8_t, 16>& wire) {
  wire = address.v6.bytes;
}

template <class ServiceWire, class ServerWire>
Result<Frame, FrameError> decode_names(Reader reader) {
  const auto wire = reader.read<NamesWire>();
  NamesPart part{.first = (wire.flags & kFirst) != 0, .last = (wire.flags & kLast) != 0};
  // The counts are only believed as far as the bytes reach: nothing is reserved by them.
  for (size_t i = 0; i < wire.services && reader.complete(); ++i) {
    const auto service = reader.read<ServiceWire>();
    part.names.services.push_back({.number = service.number,
                                   .protocol = service.protocol,
                                   .port = service.port,
                                   .address = address_of(service.address),
                                   .name = reader.read_name()});
  }
  for (size_t i = 0; i < wire.servers && reader.complete(); ++i) {
    const auto server = reader.read<ServerWire>();
    part.names.servers.push_back({.number = server.number,
                                  .service = server.service,
                                  .port = server.port,
                                  .address = address_of(server.address),
                                  .name = reader.read_name()});
  }
  return finish(reader, std::move(part), false);
}

template <class FlowsFrame, class Record>
Result<Frame, FrameError> decode_flows(Bytes body) {
  if (body.size() % sizeof(Record) != 0) return Failure(FrameError::kMisshapen);
  const auto* records = reinterpret_cast<const Record*>(body.data());
  return Frame(FlowsFrame{{records, body.size() / sizeof(Record)}});
}

Result<Frame, FrameError> decode_alive(Reader reader) {
  const uint8_t count = reader.read<uint8_t>();
  Alive alive;
  for (size_t i = 0; i < count && reader.complete(); ++i) {
    const auto wire = reader.read<RouterReportWire>();
    alive.routers.push_back({.name = reader.read_name(), .state = wire.state, .priority = wire.priority});
  }
  return finish(reader, std::move(alive), true);
}

Result<Frame, FrameError> decode_word(FrameType type, Reader reader) {
  RouterWord word{.type = type, .router = reader.read_name()};
  return finish(reader, std::move(word), true);
}

// Appends a frame and sets its length when it is done.
class Writer {
 public:
  Writer(Buffer& out, FrameType type) : out_(out), start_(out.size()) {
    add(FrameHeader{.length = 0, .type = static_cast<uint8_t>(type)});
  }
  ~Writer() {
    const be32 length = static_cast<uint32_t>(out_.size() - start_ - sizeof(be32));
    std::memcpy(out_.data() + start_, &length, sizeof length);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  template <class Wire>
  void add(const Wire& wire) {
    add_bytes(bytes_of(wire));
  }
  void add_bytes(Bytes bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void add_text(std::string_view text) {
    TANDEM_ASSERT(text.size() <= kMaxName);
    add(static_cast<uint8_t>(text.size()));
    add_bytes(std::as_bytes(std::span(text)));
  }

 private:
  Buffer& out_;
  size_t start_;
};

}  // namespace

Result<Frame, FrameError> decode(uint8_t type, Bytes body) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kHello:
      return decode_hello(Reader(body));
    case FrameType::kNames:
      return decode_names<ServiceNameWire, ServerNameWire>(Reader(body));
    case FrameType::kNames6:
      return decode_names<ServiceName6Wire, ServerName6Wire>(Reader(body));
    case FrameType::kFlows:
      return decode_flows<Flows, FlowRecord>(body);
    case FrameType::kFlows6:
      return decode_flows<Flows6, FlowRecord6>(body);
    case FrameType::kFlowsSourced:
      return decode_flows<FlowsSourced, FlowRecordSourced>(body);
    case FrameType::kTableEnd:
      return Frame(TableEnd{});
    case FrameType::kTableRequest:
      return Frame(TableRequest{});
    case FrameType::kAlive:
      return decode_alive(Reader(body));
    case FrameType::kHandover:
    case FrameType::kInquire:
    case FrameType::kAffirm:
      return decode_word(static_cast<FrameType>(type), Reader(body));
  }
  return Frame(UnknownFrame{type});
}

void encode(Buffer& out, const Hello& hello) {
  Writer writer(out, FrameType::kHello);
  writer.add(HelloWire{.version = hello.version, .boot_id = hello.boot_id});
  writer.add_text(hello.site);
  writer.add_text(hello.director);
  writer.add_text(hello.digest);
}

namespace {

template <class ServiceWire, class ServerWire>
void encode_names(Buffer& out, FrameType type, const NamesPart& part) {
  Writer writer(out, type);
  writer.add(NamesWire{.flags = static_cast<uint8_t>((part.first ? kFirst : 0) | (part.last ? kLast : 0)),
                       .services = static_cast<uint16_t>(part.names.services.size()),
                       .servers = static_cast<uint16_t>(part.names.servers.size())});
  for (const ServiceName& service : part.names.services) {
    ServiceWire wire{.number = service.number, .protocol = service.protocol, .port = service.port, .address = {}};
    put_address(service.address, wire.address);
    writer.add(wire);
    writer.add_text(service.name);
  }
  for (const ServerName& server : part.names.servers) {
    ServerWire wire{.number = server.number, .service = server.service, .port = server.port, .address = {}};
    put_address(server.address, wire.address);
    writer.add(wire);
    writer.add_text(server.name);
  }
}

bool is_six(const Names& names) {
  return (!names.services.empty() && !names.services.front().address.is_v4()) ||
         (!names.servers.empty() && !names.servers.front().address.is_v4());
}

}  // namespace

void encode(Buffer& out, const NamesPart& part) {
  if (is_six(part.names))
    encode_names<ServiceName6Wire, ServerName6Wire>(out, FrameType::kNames6, part);
  else
    encode_names<ServiceNameWire, ServerNameWire>(out, FrameType::kNames, part);
}

void encode(Buffer& out, const TableEnd&) {
  Writer(out, FrameType::kTableEnd);
}

void encode(Buffer& out, const TableRequest&) {
  Writer(out, FrameType::kTableRequest);
}

void encode(Buffer& out, const Alive& alive) {
  Writer writer(out, FrameType::kAlive);
  // A site has far fewer than this; the bound keeps the worst case inside a frame.
  constexpr size_t kFits = (kMaxFrameSent - sizeof(FrameHeader) - 1) / (sizeof(RouterReportWire) + 1 + kMaxName);
  const size_t count = std::min({alive.routers.size(), kFits, size_t{255}});
  writer.add(static_cast<uint8_t>(count));
  for (const RouterReport& router : std::span(alive.routers).first(count)) {
    writer.add(RouterReportWire{.state = router.state, .priority = router.priority});
    writer.add_text(router.name);
  }
}

void encode(Buffer& out, const RouterWord& word) {
  Writer(out, word.type).add_text(word.router);
}

void encode(Buffer& out, std::span<const FlowRecord> records) {
  Writer(out, FrameType::kFlows).add_bytes(std::as_bytes(records));
}

void encode(Buffer& out, std::span<const FlowRecord6> records) {
  Writer(out, FrameType::kFlows6).add_bytes(std::as_bytes(records));
}

void encode(Buffer& out, std::span<const FlowRecordSourced> records) {
  Writer(out, FrameType::kFlowsSourced).add_bytes(std::as_bytes(records));
}

std::array<uint8_t, 16> mapped(const IpAddress& address) {
  if (!address.is_v4()) return address.v6.bytes;
  std::array<uint8_t, 16> bytes{};
  bytes[10] = bytes[11] = 0xff;
  const be32 four(address.v4.value);
  std::memcpy(bytes.data() + 12, &four, sizeof(four));
  return bytes;
}

IpAddress unmapped(const std::array<uint8_t, 16>& bytes) {
  const bool is_four = std::all_of(bytes.begin(), bytes.begin() + 10, [](uint8_t b) { return b == 0; }) &&
                       bytes[10] == 0xff && bytes[11] == 0xff;
  if (!is_four) return Ipv6Address{bytes};
  be32 four;
  std::memcpy(&four, bytes.data() + 12, sizeof(four));
  return Ipv4Address{four};
}

std::vector<NamesPart> parts_of(const Names& names) {
  constexpr size_t kRoom = kMaxFrameSent - sizeof(FrameHeader) - sizeof(NamesWire);
  std::vector<NamesPart> parts{NamesPart{.first = true}};
  size_t used = 0;
  const auto place = [&](size_t size) -> Names& {
    if (used + size > kRoom) {
      parts.emplace_back();
      used = 0;
    }
    used += size;
    return parts.back().names;
  };
  for (const ServiceName& service : names.services)
    if (service.address.is_v4()) place(sizeof(ServiceNameWire) + 1 + service.name.size()).services.push_back(service);
  for (const ServerName& server : names.servers)
    if (server.address.is_v4()) place(sizeof(ServerNameWire) + 1 + server.name.size()).servers.push_back(server);
  // IPv6 in parts of its own, and an IPv4 part behind them, however empty: an older peer must see the end.
  const size_t four = parts.size();
  const auto place6 = [&](size_t size) -> Names& {
    if (parts.size() == four) used = kRoom;
    return place(size);
  };
  for (const ServiceName& service : names.services)
    if (!service.address.is_v4())
      place6(sizeof(ServiceName6Wire) + 1 + service.name.size()).services.push_back(service);
  for (const ServerName& server : names.servers)
    if (!server.address.is_v4()) place6(sizeof(ServerName6Wire) + 1 + server.name.size()).servers.push_back(server);
  if (parts.size() > four) parts.emplace_back();
  parts.back().last = true;
  return parts;
}

MutableBytes FrameSplitter::space() {
  constexpr size_t kRead = 16384;
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kRead && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kRead) buffer_.resize(end_ + kRead);
  return std::span(buffer_).subspan(end_);
}

void FrameSplitter::received(size_t bytes) {
  TANDEM_ASSERT(bytes <= buffer_.size() - end_);
  end_ += bytes;
}

Result<std::optional<FrameSplitter::Raw>, FrameError> FrameSplitter::next() {
  const Bytes rest = Bytes(buffer_).subspan(begin_, end_ - begin_);
  const auto* header = wire_at<FrameHeader>(rest);
  if (rest.size() >= sizeof(be32)) {
    // Judged before the type is there, so that a length of 0 is not waited upon.
    const uint32_t length = *wire_at<be32>(rest);
    if (length == 0) return Failure(FrameError::kEmpty);
    if (length > kMaxFrameLength) return Failure(FrameError::kTooLong);
    if (header != nullptr && rest.size() - sizeof(be32) >= length) {
      begin_ += sizeof(be32) + length;
      return Raw{header->type, rest.subspan(sizeof(FrameHeader), length - 1)};
    }
  }
  return std::nullopt;
}

const char* text(FrameError error) {
  switch (error) {
    case FrameError::kEmpty:
      return "a frame without a type";
    case FrameError::kTooLong:
      return "a frame longer than 64 KB";
    case FrameError::kTruncated:
      return "a frame that ends inside a field";
    case FrameError::kMisshapen:
      return "a frame whose length does not fit its content";
  }
  return "a wrong frame";
}

}  // namespace tandem::forwarding::sync
