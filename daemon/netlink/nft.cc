#include "daemon/netlink/nft.hpp"

#include <nftables/libnftables.h>

#include "daemon/base/assert.hpp"

namespace tandem::netlink {

struct Nft::Context {
  nft_ctx* const nft = nft_ctx_new(NFT_CTX_DEFAULT);
  Context() { TANDEM_ASSERT(nft != nullptr); }
  ~Context() { nft_ctx_free(nft); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
};

Nft::Nft() : context_(std::make_unique<Context>()) {
  nft_ctx_buffer_output(context_->nft);
  nft_ctx_buffer_error(context_->nft);
}
Nft::~Nft() = default;

Nft::Outcome Nft::run(const std::string& commands) {
  const int failed = nft_run_cmd_from_buffer(context_->nft, commands.c_str());
  nft_ctx_get_output_buffer(context_->nft);  // reading a buffer also empties it
  const char* words = nft_ctx_get_error_buffer(context_->nft);
  if (failed == 0) return {};
  std::string first_line = words != nullptr ? words : "";
  first_line = first_line.substr(0, first_line.find('\n'));
  return std::unexpected(first_line.empty() ? "nft gave no reason" : first_line);
}

}  // namespace tandem::netlink
