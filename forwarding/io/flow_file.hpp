// The flow table's mapping: a sparse file in the run directory, shared by whoever maps it.
//
// It outlives the process, so that a room that was killed finds its flows again. It is taken up only when it is whole, of
// this program's layout, of this boot (the time line its flows are stamped with begins at boot), and of the wanted size;
// otherwise it is made afresh with a new random seed. A lock on the file keeps a second room from using it at the same time.
//
// Pages come to be when they are written. A full file system would then be a fatal fault in the middle of a packet, so
// the table is made smaller when the space for all of it is not free.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

#include "daemon/base/bytes.hpp"
#include "daemon/loop/fd.hpp"
#include "forwarding/flow_table.hpp"

namespace tandem::forwarding {

class FlowFile {
 public:
  static constexpr uint32_t kDefaultBuckets = 1u << 19;  // 2 M flows, 32 MB

  // Takes up or makes the file. Waits up to a second for an earlier process to let go of it.
  // Errors: words for an Event.
  static std::expected<FlowFile, std::string> open(const std::filesystem::path& path,
                                                   uint32_t buckets = kDefaultBuckets);
  ~FlowFile();
  FlowFile(FlowFile&& other) noexcept;
  FlowFile& operator=(FlowFile&&) = delete;

  FlowTable& table() { return table_; }
  // Whether an earlier process's flows were found; if not, why.
  bool taken_up() const { return taken_up_; }
  const std::string& reason() const { return reason_; }

 private:
  FlowFile(loop::UniqueFd file, MutableBytes mapping, FlowTable table, bool taken_up, std::string reason);

  loop::UniqueFd file_;
  MutableBytes mapping_;
  FlowTable table_;
  bool taken_up_;
  std::string reason_;
};

}  // namespace tandem::forwarding
