#include "checkers/io/grpc_call.hpp"

#include <nghttp2/nghttp2.h>

#include <array>
#include <new>

#include "checkers/http_expect.hpp"

namespace tandem::checkers {
namespace {

using Reason = Outcome::Reason;

constexpr std::string_view kPath = "/grpc.health.v1.Health/Check";
constexpr uint32_t kMostHeaderBytes = 16 << 10;  // announced; nghttp2 itself ends a header block at 64 KB

std::string_view text_of(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Why the server broke the call off, or why nghttp2 did, because what the server said is not HTTP/2.
Outcome broken_off(uint32_t code) {
  const std::string words = std::string("HTTP/2 ") + nghttp2_http2_strerror(code);
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR:
      return {.reason = Reason::kMalformed, .text = words};
    default:
      return {.reason = Reason::kRefusedByWord, .text = "it breaks the call off: " + words};
  }
}

nghttp2_nv field(std::string_view name, std::string_view value) {
  // nghttp2 copies both and changes neither.
  const auto bytes = [](std::string_view text) {
    return const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

struct GrpcCall::Callbacks {
  static GrpcCall& call_of(void* user) { return *static_cast<GrpcCall*>(user); }

  static nghttp2_session* open(GrpcCall& owner) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session* session = nullptr;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* user) {
          GrpcCall& call = call_of(user);
          if (frame->hd.stream_id == call.stream_)
            call.answer_.field(text_of(name, name_size), text_of(value, value_size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* bytes, size_t size, void* user) {
          GrpcCall& call = call_of(user);
          if (stream == call.stream_) call.answer_.data(text_of(bytes, size));
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t stream, uint32_t code, void* user) {
          GrpcCall& call = call_of(user);
          if (stream != call.stream_ || call.outcome_) return 0;
          call.outcome_ = code == NGHTTP2_NO_ERROR ? call.answer_.verdict(call.service_) : broken_off(code);
          return 0;
        });
    const int error = nghttp2_session_client_new(&session, callbacks, &owner);
    nghttp2_session_callbacks_del(callbacks);
    if (error != 0) throw std::bad_alloc();
    return session;
  }

  static ssize_t give_body(nghttp2_session*, int32_t, uint8_t* into, size_t room, uint32_t* flags,
                           nghttp2_data_source* source, void*) {
    GrpcCall& call = call_of(source->ptr);
    const size_t size = call.body_.copy(reinterpret_cast<char*>(into), room, call.sent_);
    call.sent_ += size;
    if (call.sent_ == call.body_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(size);
  }
};

GrpcCall::GrpcCall(const Target& target)
    : service_(target.check->service),
      body_(grpc_health_request(service_)),
      session_(Callbacks::open(*this), nghttp2_session_del) {
  const std::array<nghttp2_settings_entry, 3> settings{{{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                                        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0},
                                                        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMostHeaderBytes}}};
  nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  const Check& check = *target.check;
  const std::string authority = authority_of(check.host, target.address, target.port, check.tls ? 443 : 80);
  const std::string timeout = grpc_timeout(check.timeout);
  // In the order that "gRPC over HTTP2" gives.
  const std::array<nghttp2_nv, 8> fields{field(":method", "POST"),
                                         field(":scheme", check.tls ? "https" : "http"),
                                         field(":path", kPath),
                                         field(":authority", authority),
                                         field("te", "trailers"),
                                         field("grpc-timeout", timeout),
                                         field("content-type", "application/grpc"),
                                         field("user-agent", "tandem/" TANDEM_VERSION)};
  nghttp2_data_provider body{.source = {.ptr = this}, .read_callback = Callbacks::give_body};
  stream_ = nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), &body, nullptr);
}

std::string GrpcCall::to_send() {
  std::string all;
  for (;;) {
    const uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
    if (size <= 0) break;
    all += text_of(bytes, static_cast<size_t>(size));
  }
  // It has said GOAWAY, and hears nothing any more: what came broke the protocol.
  if (nghttp2_session_want_read(session_.get()) == 0) refuse("it is not HTTP/2");
  return all;
}

void GrpcCall::hear(std::string_view bytes) {
  if (!heard_anything_ && bytes.starts_with("HTTP/1.")) refuse("it speaks HTTP/1");
  heard_anything_ = true;
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (nghttp2_session_mem_recv(session_.get(), data, bytes.size()) < 0) refuse("it is not HTTP/2");
}

std::string GrpcCall::goodbye() {
  nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  return to_send();
}

void GrpcCall::refuse(std::string_view why) {
  if (!outcome_) outcome_ = Outcome{.reason = Reason::kMalformed, .text = std::string(why)};
}

}  // namespace tandem::checkers
