// The http check. Beast's parser reads the header from a buffer of ours, so that the bounds are ours too. The body is read
// only where the check looks at it.
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/dynamic_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#include "checkers/http_expect.hpp"
#include "checkers/io/body_match.hpp"
#include "checkers/io/probe.hpp"

namespace tandem::checkers {
namespace {

namespace http = boost::beast::http;
using Reason = Outcome::Reason;

constexpr size_t kMaxHeader = size_t{16} << 10;  // of all answers together: interim ones (1xx) count too
constexpr size_t kReadSize = 2048;
// Unlike a string_body it takes no memory for a length that was only announced.
using LookedAtBody = http::basic_dynamic_body<boost::beast::flat_buffer>;

// The final answer, as far as bytes are fed to it: its header, and its body where that is wanted.
template <class Body>
class AnswerReader {
 public:
  explicit AnswerReader(bool no_body_follows) : no_body_follows_(no_body_follows) { begin(); }

  // REQUIRES: not done. `bytes` are everything not consumed so far; returns how many were consumed now.
  size_t feed(const char* bytes, size_t size, boost::system::error_code& error) {
    const size_t consumed = parser_->put(boost::asio::buffer(bytes, size), error);
    if (error == http::error::need_more) error = {};
    if (!error) look();
    return consumed;
  }
  // The other side has ended.
  void end(boost::system::error_code& error) {
    parser_->put_eof(error);
    if (!error) look();
  }
  bool done() const { return done_; }
  unsigned status() const { return status_; }  // 0: still to come
  std::string_view body() const {
    if constexpr (kWantsBody) {
      const auto bytes = parser_->get().body().data();
      return {static_cast<const char*>(bytes.data()), bytes.size()};
    }
    return {};
  }

 private:
  static constexpr bool kWantsBody = !std::is_same_v<Body, http::empty_body>;
  using Parser = http::response_parser<Body>;

  void begin() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(kMaxHeader));
    parser_->skip(no_body_follows_);
    parser_->eager(kWantsBody);
    parser_->body_limit(boost::none);  // a length may be announced that nobody reads
    if constexpr (kWantsBody) parser_->get().body().max_size(kMostBody);
  }
  void look() {
    if (!parser_->is_header_done()) return;
    status_ = parser_->get().result_int();
    // 100 Continue, 103 Early Hints: the answer is still to come (RFC 9110, section 15.2).
    if (status_ < 200 && status_ != 101) {
      status_ = 0;
      return begin();
    }
    done_ = !kWantsBody || parser_->is_done();
  }

  bool no_body_follows_;
  std::optional<Parser> parser_;
  unsigned status_ = 0;
  bool done_ = false;
};

template <class Body>
Awaitable<Outcome> read_answer(ByteStream& stream, Connection& connection, const Check& check) {
  AnswerReader<Body> reader(check.method == "HEAD");
  std::vector<char> buffer;
  size_t total = 0;
  while (!reader.done()) {
    connection.enter(reader.status() == 0 ? Stage::kHeader : Stage::kBody);
    if (reader.status() == 0 && total >= kMaxHeader) co_return connection.fail(Reason::kHttpHeaderTooLarge);
    const size_t kept = buffer.size();
    buffer.resize(kept + kReadSize);
    const auto size = co_await stream.read_some(std::span(buffer).subspan(kept));
    boost::system::error_code error;
    size_t consumed = 0;
    if (size) {
      buffer.resize(kept + *size);
      total += *size;
      while (!reader.done() && consumed < buffer.size()) {
        const size_t now = reader.feed(buffer.data() + consumed, buffer.size() - consumed, error);
        consumed += now;
        if (error || now == 0) break;
      }
      buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(consumed));
    } else {
      // A body without a length ends with the connection.
      if (size.error().reason != Reason::kClosed || reader.status() == 0) co_return size.error();
      reader.end(error);
      if (error || !reader.done()) co_return size.error();
    }
    if (error == http::error::header_limit) co_return connection.fail(Reason::kHttpHeaderTooLarge);
    if (error == http::error::buffer_overflow) break;  // what came so far is looked at, as the manual says
    if (error) co_return connection.fail(Reason::kHttpMalformed, error.message());
  }
  if (!expects(check.expect, reader.status())) co_return connection.fail(Reason::kHttpStatus, {}, reader.status());
  const std::string mismatch = mismatch_of(check.body, reader.body());
  co_return connection.fail(mismatch.empty() ? Reason::kPassed : Reason::kBodyMismatch, mismatch, reader.status());
}

}  // namespace

Awaitable<Outcome> ask_http(ByteStream& stream, Connection& connection, const Target& target) {
  const Check& check = *target.check;
  connection.enter(Stage::kRequest);
  const uint16_t usual_port = check.kind == CheckKind::kHttps ? 443 : 80;
  const std::string request =
      http_request({.method = check.method, .path = check.path, .host = check.host, .headers = check.headers},
                   target.address, target.port, usual_port);
  const auto sent = co_await stream.write_all(request);
  if (!sent) co_return sent.error();
  if (check.body.kind == BodyMatch::Kind::kNone)
    co_return co_await read_answer<http::empty_body>(stream, connection, check);
  co_return co_await read_answer<LookedAtBody>(stream, connection, check);
}

}  // namespace tandem::checkers
