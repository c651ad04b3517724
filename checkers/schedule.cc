#include "checkers/schedule.hpp"

#include <algorithm>

namespace tandem::checkers {
namespace {

// Four children a node: half the levels of a binary heap, and siblings share a cache line.
constexpr size_t kArity = 4;

}  // namespace

void Schedule::plan(Id id, TimePoint at) {
  if (id >= position_of_.size()) position_of_.resize(id + 1, kAbsent);
  const uint32_t position = position_of_[id];
  if (position == kAbsent) {
    heap_.push_back({});
    sift_up(heap_.size() - 1, {id, at});
  } else if (at < heap_[position].at) {
    sift_up(position, {id, at});
  } else {
    sift_down(position, {id, at});
  }
}

void Schedule::drop(Id id) {
  if (id < position_of_.size() && position_of_[id] != kAbsent) remove_at(position_of_[id]);
}

std::optional<TimePoint> Schedule::next() const {
  if (heap_.empty()) return std::nullopt;
  return heap_.front().at;
}

std::optional<Schedule::Due> Schedule::take_due(TimePoint now) {
  if (heap_.empty() || heap_.front().at > now) return std::nullopt;
  const Due due = heap_.front();
  remove_at(0);
  return due;
}

void Schedule::remove_at(size_t position) {
  position_of_[heap_[position].id] = kAbsent;
  const Due last = heap_.back();
  heap_.pop_back();
  if (position == heap_.size()) return;
  if (position > 0 && last.at < heap_[(position - 1) / kArity].at) {
    sift_up(position, last);
  } else {
    sift_down(position, last);
  }
}

void Schedule::place(size_t position, Due entry) {
  heap_[position] = entry;
  position_of_[entry.id] = static_cast<uint32_t>(position);
}

void Schedule::sift_up(size_t position, Due entry) {
  while (position > 0) {
    const size_t parent = (position - 1) / kArity;
    if (heap_[parent].at <= entry.at) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, entry);
}

void Schedule::sift_down(size_t position, Due entry) {
  for (;;) {
    const size_t first = position * kArity + 1;
    if (first >= heap_.size()) break;
    const size_t end = std::min(first + kArity, heap_.size());
    size_t least = first;
    for (size_t child = first + 1; child < end; ++child)
      if (heap_[child].at < heap_[least].at) least = child;
    if (entry.at <= heap_[least].at) break;
    place(position, heap_[least]);
    position = least;
  }
  place(position, entry);
}

Duration Jitter::within(Duration span) {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  const double fraction = static_cast<double>(z >> 11) * 0x1.0p-53;
  return Duration(static_cast<int64_t>(fraction * static_cast<double>(span.count())));
}

}  // namespace tandem::checkers
