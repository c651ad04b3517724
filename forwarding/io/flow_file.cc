#include "forwarding/io/flow_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "daemon/base/assert.hpp"

namespace tandem::forwarding {
namespace {

// At the end of the header page, after the header and before the first section: whose boot the file is of.
constexpr size_t kPage = 4096;
struct BootStamp {
  char boot_id[40];
};
constexpr size_t kStampOffset = kPage - sizeof(BootStamp);
static_assert(sizeof(tandem_flows_header) <= kStampOffset);

BootStamp this_boot() {
  BootStamp stamp{};
  std::ifstream("/proc/sys/kernel/random/boot_id").read(stamp.boot_id, sizeof stamp.boot_id - 1);
  return stamp;
}

constexpr uint32_t kFewestBuckets = 1024;

std::string words(const char* doing, const std::filesystem::path& path) {
  return std::string(doing) + " " + path.string() + ": " + std::strerror(errno);
}

bool lock_within_a_second(int fd) {
  for (int attempt = 0; attempt < 100; ++attempt) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

const char* text_of(FlowTableError error) {
  switch (error) {
    case FlowTableError::kTooSmall:
      return "it is shorter than its table";
    case FlowTableError::kNotAligned:
      return "it is not aligned";
    case FlowTableError::kNotAFlowTable:
      return "it is no flow table";
    case FlowTableError::kOtherVersion:
      return "it is of another version";
    case FlowTableError::kBadBucketCount:
    case FlowTableError::kBadLayout:
      return "its layout is not this program's";
  }
  return "it is not usable";
}

std::optional<MutableBytes> map(int fd, uint64_t size) {
  void* where = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (where == MAP_FAILED) return std::nullopt;
  return MutableBytes(static_cast<std::byte*>(where), size);
}

// The most buckets, at most `wanted`, for which there is twice the room; the smallest table needs it once. 0: not even that. A
// page of a mapping for which there is no room kills who touches it (SIGBUS), whenever that may be.
uint32_t buckets_that_fit(int fd, uint32_t wanted) {
  struct statvfs space{};
  if (fstatvfs(fd, &space) != 0) return wanted;
  const uint64_t free_bytes = uint64_t{space.f_bavail} * space.f_frsize;
  while (wanted > kFewestBuckets && FlowTable::bytes_needed(wanted) * 2 > free_bytes) wanted /= 2;
  return FlowTable::bytes_needed(wanted) <= free_bytes ? wanted : 0;
}

// Has the pages of the flows themselves, the first sections, before a packet needs them: their first touch costs more than
// all the rest of a new connection, and a flood is the wrong time for it. 16 bytes a place. A kernel that does not know how (before
// Linux 5.14) goes on as it was.
void touch_flows(MutableBytes mapping, const FlowTable& table) {
  (void)madvise(mapping.data(), table.header().addresses_offset, MADV_POPULATE_WRITE);
}

}  // namespace

FlowFile::FlowFile(loop::UniqueFd file, MutableBytes mapping, FlowTable table, bool taken_up, std::string reason)
    : file_(std::move(file)), mapping_(mapping), table_(table), taken_up_(taken_up), reason_(std::move(reason)) {}

FlowFile::FlowFile(FlowFile&& other) noexcept
    : file_(std::move(other.file_)),
      mapping_(std::exchange(other.mapping_, {})),
      table_(other.table_),
      taken_up_(other.taken_up_),
      reason_(std::move(other.reason_)) {}

FlowFile::~FlowFile() {
  if (!mapping_.empty()) munmap(mapping_.data(), mapping_.size());
}

std::expected<FlowFile, std::string> FlowFile::open(const std::filesystem::path& path, uint32_t buckets) {
  loop::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return std::unexpected(words("opening", path));
  struct stat facts{};
  if (fstat(file.get(), &facts) != 0) return std::unexpected(words("looking at", path));
  if (!S_ISREG(facts.st_mode) || facts.st_uid != geteuid() || (facts.st_mode & 0077) != 0)
    return std::unexpected(path.string() + " is not a plain file of ours alone; remove it");
  if (!lock_within_a_second(file.get())) return std::unexpected(words("locking", path));

  const BootStamp boot = this_boot();
  std::string reason = "there was none";
  if (facts.st_size > static_cast<off_t>(kPage)) {
    const auto mapping = map(file.get(), static_cast<uint64_t>(facts.st_size));
    if (!mapping) return std::unexpected(words("mapping", path));
    auto table = FlowTable::attach(*mapping);
    if (!table)
      reason = text_of(table.error());
    else if (std::memcmp(mapping->data() + kStampOffset, &boot, sizeof boot) != 0)
      reason = "it is of an earlier boot";
    else if (table->bucket_count() > buckets)
      reason = "it has another size";
    else {
      touch_flows(*mapping, *table);
      return FlowFile(std::move(file), *mapping, *table, true, {});
    }
    munmap(mapping->data(), mapping->size());
  }

  if (ftruncate(file.get(), 0) != 0) return std::unexpected(words("emptying", path));
  buckets = buckets_that_fit(file.get(), buckets);
  if (buckets == 0)
    return std::unexpected("no room for " + path.string() + ": the smallest flow table takes " +
                           std::to_string(FlowTable::bytes_needed(kFewestBuckets) >> 20) + " MB");
  const uint64_t size = FlowTable::bytes_needed(buckets);
  if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) return std::unexpected(words("making", path));
  const auto mapping = map(file.get(), size);
  if (!mapping) return std::unexpected(words("mapping", path));
  FlowTableSettings settings{.bucket_count = buckets, .seed = {}};
  if (getrandom(settings.seed.data(), sizeof settings.seed, 0) != sizeof settings.seed)
    return std::unexpected(words("asking for randomness for", path));
  auto table = FlowTable::format(*mapping, settings);
  TANDEM_ASSERT(table.has_value());
  TANDEM_ASSERT(table->header().buckets_offset >= kPage);
  touch_flows(*mapping, *table);
  std::memcpy(mapping->data() + kStampOffset, &boot, sizeof boot);
  return FlowFile(std::move(file), *mapping, *table, false, std::move(reason));
}

}  // namespace tandem::forwarding
