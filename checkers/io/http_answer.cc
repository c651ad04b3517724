#include "checkers/io/http_answer.hpp"

#include <type_traits>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/dynamic_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>

#include "checkers/http_expect.hpp"
#include "checkers/io/body_match.hpp"

namespace tandem::checkers {
namespace {

namespace http = boost::beast::http;
using Reason = Outcome::Reason;

constexpr size_t kMaxHeader = size_t{16} << 10;  // of all answers together: interim ones (1xx) count too
// Unlike a string_body it takes no memory for a length that was only announced.
using LookedAtBody = http::basic_dynamic_body<boost::beast::flat_buffer>;

// The final answer, as far as bytes are fed to it: its header, and its body where that is wanted.
template <class Body>
class AnswerReader {
 public:
  explicit AnswerReader(bool no_body_follows) : no_body_follows_(no_body_follows) { begin(); }

  // REQUIRES: not done. `bytes` are everything not consumed so far; returns how many were consumed now.
  size_t feed(std::string_view bytes, boost::system::error_code& error) {
    const size_t consumed = parser_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
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
class Answer final : public HttpAnswer {
 public:
  explicit Answer(const Check& check) : check_(check), reader_(check.method == "HEAD") {}

  std::optional<Outcome> feed(std::string_view bytes) override {
    total_ += bytes.size();
    // What the parser could not use yet, the beginning of a line, comes again with what follows it.
    const bool whole = kept_.empty();
    if (!whole) bytes = kept_.append(bytes);
    boost::system::error_code error;
    size_t consumed = 0;
    while (!reader_.done() && consumed < bytes.size()) {
      const size_t now = reader_.feed(bytes.substr(consumed), error);
      consumed += now;
      if (error || now == 0) break;
    }
    if (error == http::error::header_limit) return fail(Reason::kHttpHeaderTooLarge);
    // Of a body that is too large, what came so far is looked at, as the manual says.
    if (error == http::error::buffer_overflow) return verdict();
    if (error) return fail(Reason::kHttpMalformed, error.message());
    if (reader_.done()) return verdict();
    if (reader_.status() == 0 && total_ >= kMaxHeader) return fail(Reason::kHttpHeaderTooLarge);
    if (whole)
      kept_ = bytes.substr(consumed);
    else
      kept_.erase(0, consumed);
    return std::nullopt;
  }

  Outcome end(Outcome closed) override {
    if (reader_.status() == 0) return closed;
    boost::system::error_code error;
    reader_.end(error);
    return error || !reader_.done() ? closed : verdict();
  }

  Stage stage() const override { return reader_.status() == 0 ? Stage::kHeader : Stage::kBody; }

 private:
  Outcome verdict() const {
    if (!expects(check_.expect, reader_.status())) return fail(Reason::kHttpStatus);
    const std::string mismatch = mismatch_of(check_.body, reader_.body());
    return fail(mismatch.empty() ? Reason::kPassed : Reason::kBodyMismatch, mismatch);
  }
  Outcome fail(Reason reason, const std::string& text = {}) const {
    return {.reason = reason, .stage = stage(), .number = reader_.status(), .text = printable(text)};
  }

  const Check& check_;
  AnswerReader<Body> reader_;
  std::string kept_;
  size_t total_ = 0;
};

}  // namespace

std::unique_ptr<HttpAnswer> HttpAnswer::to(const Check& check) {
  if (check.body.kind == BodyMatch::Kind::kNone) return std::make_unique<Answer<http::empty_body>>(check);
  return std::make_unique<Answer<LookedAtBody>>(check);
}

std::string http_request_of(const Check& check, const IpAddress& address, uint16_t port) {
  const uint16_t usual_port = check.kind == CheckKind::kHttps ? 443 : 80;
  return http_request({.method = check.method, .path = check.path, .host = check.host, .headers = check.headers},
                      address, port, usual_port);
}

}  // namespace tandem::checkers
