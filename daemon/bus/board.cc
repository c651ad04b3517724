#include "daemon/bus/board.hpp"

#include "daemon/bus/describe.hpp"

namespace tandem::bus {

namespace {

// The index in Message of the kind named so; std::variant_npos when there is none.
size_t index_of(std::string_view kind) {
  size_t index = 0;
  const bool found = any_kind([&](auto type) {
    if (decltype(type)::type::kKind == kind) return true;
    ++index;
    return false;
  });
  return found ? index : std::variant_npos;
}

}  // namespace

std::string_view describe(BoardError error) {
  switch (error) {
    case BoardError::kNotItsWord:
      return describe(Refusal::kNotItsWord);
    case BoardError::kInAnotherName:
      return describe(Refusal::kInAnotherName);
    case BoardError::kFull:
      return "too much of this room is retained already";
    case BoardError::kTooLarge:
      return "the message is larger than allowed";
  }
  return "?";
}

Failure<BoardError> Board::refuse(BoardError why) {
  ++refused_;
  return Failure(why);
}

std::vector<Delivery> Board::subscribe(const std::string& room, const Subscribe& subscribe) {
  auto& kinds = subscriptions_[room];
  kinds.clear();
  for (const auto& kind : subscribe.kinds) {
    if (may_hear(room, kind)) {
      kinds.insert(kind);
    } else {
      ++refused_;
    }
  }
  std::vector<Delivery> deliveries;
  size_t index = 0;
  any_kind([&](auto type) {
    if (kinds.contains(decltype(type)::type::kKind))
      for (auto at = retained_.lower_bound({index, {}}); at != retained_.end() && at->first.first == index; ++at)
        deliveries.push_back({room, at->second.frame, at->second.slot});
    ++index;
    return false;
  });
  deliveries.push_back({room, std::make_shared<const std::string>(encode(CaughtUp{})), {}});
  return deliveries;
}

void Board::leave(const std::string& room) {
  subscriptions_.erase(room);
}

Result<void, BoardError> Board::keep(const std::string& room, const Message& message,
                                     const std::shared_ptr<const std::string>& frame) {
  const Place place{message.index(), key_of(message)};
  const auto old = retained_.find(place);
  const size_t old_bytes = old == retained_.end() ? 0 : old->second.frame->size();
  size_t& bytes = retained_bytes_[room];
  if (bytes - old_bytes + frame->size() > most_retained_bytes_) return refuse(BoardError::kFull);
  bytes += frame->size() - old_bytes;
  retained_.insert_or_assign(place, Retained{frame, room, slot_of(message)});
  return {};
}

void Board::forget(const Forget& forget) {
  const auto at = retained_.find({index_of(forget.kind), forget.of_key});
  if (at == retained_.end()) return;
  retained_bytes_[at->second.speaker] -= at->second.frame->size();
  retained_.erase(at);
}

Result<std::vector<Delivery>, BoardError> Board::publish(const std::string& room, const Message& message) {
  Refusal refusal{};
  if (!may_say(room, message, &refusal))
    return refuse(refusal == Refusal::kNotItsWord ? BoardError::kNotItsWord : BoardError::kInAnotherName);
  const auto frame = std::make_shared<const std::string>(encode(message));
  if (frame->size() > kMostBytesFromSupervisor) return refuse(BoardError::kTooLarge);
  const auto* forgotten = std::get_if<Forget>(&message);
  if (forgotten != nullptr) forget(*forgotten);
  if (is_retained(message)) {
    const auto kept = keep(room, message, frame);
    if (!kept) return Failure(kept.error());
  }
  // A Forget goes to those who asked for Forgets and hear what it forgets.
  const auto hears = [&](const auto& kinds) {
    return kinds.contains(kind_of(message)) && (forgotten == nullptr || kinds.contains(forgotten->kind));
  };
  std::vector<Delivery> deliveries;
  for (const auto& [listener, kinds] : subscriptions_)
    if (listener != room && hears(kinds)) deliveries.push_back({listener, frame, slot_of(message)});
  return deliveries;
}

}  // namespace tandem::bus
