// The http check. Beast's parser reads the header from a buffer of ours, so that the bounds are ours too; the body is
// not read at all, because the status alone decides.
#include <vector>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#include "checkers/http_expect.hpp"
#include "checkers/io/probe.hpp"

namespace tandem::checkers {
namespace {

namespace http = boost::beast::http;
using Reason = Outcome::Reason;

constexpr size_t kMaxHeader = size_t{16} << 10;  // of all answers together: interim ones (1xx) count too
constexpr size_t kReadSize = 2048;

// The status of the final answer, as far as bytes are fed to it.
class StatusReader {
 public:
  StatusReader() { begin(); }

  // REQUIRES: not done. `bytes` are everything not consumed so far; returns how many were consumed now.
  size_t feed(const char* bytes, size_t size, boost::system::error_code& error) {
    const size_t consumed = parser_->put(boost::asio::buffer(bytes, size), error);
    if (error == http::error::need_more) error = {};
    if (!error && parser_->is_header_done()) {
      status_ = parser_->get().result_int();
      // 100 Continue, 103 Early Hints: the answer is still to come (RFC 9110, section 15.2).
      if (status_ < 200 && status_ != 101) {
        status_ = 0;
        begin();
      }
    }
    return consumed;
  }
  unsigned status() const { return status_; }  // 0: still to come

 private:
  using Parser = http::response_parser<http::empty_body>;
  void begin() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(kMaxHeader));
    parser_->body_limit(boost::none);  // a length may be announced; it is not read
  }
  std::optional<Parser> parser_;
  unsigned status_ = 0;
};

}  // namespace

Awaitable<Outcome> ask_http(ByteStream& stream, Connection& connection, const Target& target) {
  const Check& check = *target.check;
  connection.enter(Stage::kRequest);
  const uint16_t usual_port = check.kind == CheckKind::kHttps ? 443 : 80;
  const std::string request = http_request(check.path, check.host, target.address, target.port, usual_port);
  const auto sent = co_await stream.write_all(request);
  if (!sent) co_return sent.error();

  connection.enter(Stage::kHeader);
  StatusReader reader;
  std::vector<char> buffer;
  size_t total = 0;
  while (reader.status() == 0) {
    if (total >= kMaxHeader) co_return connection.fail(Reason::kHttpHeaderTooLarge);
    const size_t kept = buffer.size();
    buffer.resize(kept + kReadSize);
    const auto size = co_await stream.read_some(std::span(buffer).subspan(kept));
    if (!size) co_return size.error();
    buffer.resize(kept + *size);
    total += *size;

    boost::system::error_code error;
    size_t consumed = 0;
    while (reader.status() == 0 && consumed < buffer.size()) {
      const size_t now = reader.feed(buffer.data() + consumed, buffer.size() - consumed, error);
      consumed += now;
      if (error || now == 0) break;
    }
    if (error == http::error::header_limit) co_return connection.fail(Reason::kHttpHeaderTooLarge);
    if (error) co_return connection.fail(Reason::kHttpMalformed, error.message());
    buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(consumed));
  }
  const bool good = expects(check.expect, reader.status());
  co_return connection.fail(good ? Reason::kPassed : Reason::kHttpStatus, {}, reader.status());
}

}  // namespace tandem::checkers
