// Result<T, E>: the outside is wrong. E is a small enum; words are added at the edge.
#pragma once

#include <expected>

namespace tandem {

template <class T, class E>
using Result = std::expected<T, E>;

template <class E>
using Failure = std::unexpected<E>;

}  // namespace tandem
