// The device language: shuffles, votes and reductions of a warp. Each is one WarpCollective.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <fmt/format.h>

#include <bit>
#include <source_location>
#include <type_traits>

#include "kernels/simt/block.h"
#include "kernels/simt/language.h"

// What runs inside a collective reads and writes other threads' stacks: ThreadSanitizer must not see it.
#define KVSCOPE_SIMT_COLLECTIVE __attribute__((no_sanitize_thread))

namespace kvscope::simt {

// The types that CUDA has shuffles for.
template <class T>
concept Shuffled =
    (std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)) || std::is_same_v<T, __half> ||
    std::is_same_v<T, __half2> || std::is_same_v<T, __nv_bfloat16> || std::is_same_v<T, __nv_bfloat162>;

template <class T>
struct ShuffleArgument {
  T value;
  unsigned source;  // the lane whose value is wanted
  T result;
};

template <class T>
KVSCOPE_SIMT_COLLECTIVE void ShuffleLanes(uint32_t mask, void* const* arguments) {
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    auto* argument = static_cast<ShuffleArgument<T>*>(arguments[std::countr_zero(lanes)]);
    if ((mask >> argument->source & 1) == 0) {
      FatalInCollective(fmt::format("lane {} reads lane {}, which is not in mask {:#010x}",
                                    std::countr_zero(lanes), argument->source, mask));
    }
    argument->result = static_cast<ShuffleArgument<T>*>(arguments[argument->source])->value;
  }
}

template <Shuffled T>
T Shuffle(uint32_t mask, T value, unsigned source, const char* primitive, const std::source_location& where) {
  ShuffleArgument<T> argument{value, source, value};
  WarpCollective(mask, &ShuffleLanes<T>, &argument, primitive, where);
  return argument.result;
}

// The first lane of the calling lane's segment. Shuffles stay inside segments of `width` lanes, a power of
// two.
inline unsigned SegmentOf(int width) { return LaneId() & ~static_cast<unsigned>(width - 1); }

// `source` if it is in the calling lane's segment, else the calling lane.
inline unsigned InSegment(int source, int width) {
  const auto first = static_cast<int>(SegmentOf(width));
  return source >= first && source < first + width ? static_cast<unsigned>(source) : LaneId();
}

template <class T, class R>
struct VoteArgument {
  T value;
  R result;
};

// Gives every lane fold(... fold(fold(initial, lane, value), lane, value) ...) over the lanes of the mask,
// ascending. Fold is a class: a collective is a plain function.
template <class Fold, class T, class R>
KVSCOPE_SIMT_COLLECTIVE void FoldLanes(uint32_t mask, void* const* arguments) {
  R result{};
  bool first = true;
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    const int lane = std::countr_zero(lanes);
    const T value = static_cast<VoteArgument<T, R>*>(arguments[lane])->value;
    result = Fold::Apply(result, value, lane, first);
    first = false;
  }
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    static_cast<VoteArgument<T, R>*>(arguments[std::countr_zero(lanes)])->result = result;
  }
}

template <class Fold, class R, class T>
R FoldWarp(uint32_t mask, T value, const char* primitive, const std::source_location& where) {
  VoteArgument<T, R> argument{value, R{}};
  WarpCollective(mask, &FoldLanes<Fold, T, R>, &argument, primitive, where);
  return argument.result;
}

struct FoldBallot {
  KVSCOPE_SIMT_COLLECTIVE static uint32_t Apply(uint32_t result, bool value, int lane, bool) {
    return result | (value ? 1u << lane : 0);
  }
};

template <class Operation>
struct FoldValues {
  template <class T>
  KVSCOPE_SIMT_COLLECTIVE static T Apply(T result, T value, int, bool first) {
    return first ? value : static_cast<T>(Operation::Of(result, value));
  }
};

// Unsigned sums: those of a device wrap around.
struct Add {
  KVSCOPE_SIMT_COLLECTIVE static uint32_t Of(uint32_t a, uint32_t b) { return a + b; }
};
struct Min {
  template <class T>
  KVSCOPE_SIMT_COLLECTIVE static T Of(T a, T b) {
    return b < a ? b : a;
  }
};
struct Max {
  template <class T>
  KVSCOPE_SIMT_COLLECTIVE static T Of(T a, T b) {
    return a < b ? b : a;
  }
};
struct And {
  KVSCOPE_SIMT_COLLECTIVE static uint32_t Of(uint32_t a, uint32_t b) { return a & b; }
};
struct Or {
  KVSCOPE_SIMT_COLLECTIVE static uint32_t Of(uint32_t a, uint32_t b) { return a | b; }
};
struct Xor {
  KVSCOPE_SIMT_COLLECTIVE static uint32_t Of(uint32_t a, uint32_t b) { return a ^ b; }
};

template <class T>
KVSCOPE_SIMT_COLLECTIVE void MatchLanes(uint32_t mask, void* const* arguments) {
  const auto at = [&](int lane) KVSCOPE_SIMT_COLLECTIVE {
    return static_cast<VoteArgument<T, uint32_t>*>(arguments[lane]);
  };
  for (uint32_t lanes = mask; lanes != 0; lanes &= lanes - 1) {
    VoteArgument<T, uint32_t>* argument = at(std::countr_zero(lanes));
    argument->result = 0;
    for (uint32_t others = mask; others != 0; others &= others - 1) {
      const int other = std::countr_zero(others);
      if (at(other)->value == argument->value) argument->result |= 1u << other;
    }
  }
}

}  // namespace kvscope::simt

inline void __syncwarp(unsigned mask = ~0u, std::source_location where = std::source_location::current()) {
  kvscope::simt::WarpCollective(mask, &kvscope::simt::WarpSync, nullptr, "__syncwarp", where);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              std::source_location where = std::source_location::current()) {
  const unsigned lane =
      kvscope::simt::SegmentOf(width) | (static_cast<unsigned>(source) & static_cast<unsigned>(width - 1));
  return kvscope::simt::Shuffle(mask, value, lane, "__shfl_sync", where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = warpSize,
                  std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(kvscope::simt::LaneId()) ^ lane_mask;
  return kvscope::simt::Shuffle(mask, value, kvscope::simt::InSegment(lane, width), "__shfl_xor_sync", where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(kvscope::simt::LaneId() + delta);
  return kvscope::simt::Shuffle(mask, value, kvscope::simt::InSegment(lane, width), "__shfl_down_sync",
                                where);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 std::source_location where = std::source_location::current()) {
  const int lane = static_cast<int>(kvscope::simt::LaneId()) - static_cast<int>(delta);
  return kvscope::simt::Shuffle(mask, value, kvscope::simt::InSegment(lane, width), "__shfl_up_sync", where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location where = std::source_location::current()) {
  return kvscope::simt::FoldWarp<kvscope::simt::FoldBallot, uint32_t>(mask, predicate != 0, "__ballot_sync",
                                                                      where);
}

inline int __any_sync(unsigned mask, int predicate,
                      std::source_location where = std::source_location::current()) {
  return kvscope::simt::FoldWarp<kvscope::simt::FoldBallot, uint32_t>(mask, predicate != 0, "__any_sync",
                                                                      where) != 0;
}

inline int __all_sync(unsigned mask, int predicate,
                      std::source_location where = std::source_location::current()) {
  return kvscope::simt::FoldWarp<kvscope::simt::FoldBallot, uint32_t>(mask, predicate != 0, "__all_sync",
                                                                      where) == mask;
}

// A device need not keep lanes together: the only lane that surely runs now is the caller.
inline unsigned __activemask() { return 1u << kvscope::simt::LaneId(); }

// __reduce_NAME_sync(mask, value) for int and unsigned.
#define KVSCOPE_SIMT_REDUCE(name, Operation, T)                                                           \
  inline T name(unsigned mask, T value, std::source_location where = std::source_location::current()) {   \
    return kvscope::simt::FoldWarp<kvscope::simt::FoldValues<kvscope::simt::Operation>, T>(mask, value,   \
                                                                                           #name, where); \
  }
KVSCOPE_SIMT_REDUCE(__reduce_add_sync, Add, unsigned)
KVSCOPE_SIMT_REDUCE(__reduce_add_sync, Add, int)
KVSCOPE_SIMT_REDUCE(__reduce_min_sync, Min, unsigned)
KVSCOPE_SIMT_REDUCE(__reduce_min_sync, Min, int)
KVSCOPE_SIMT_REDUCE(__reduce_max_sync, Max, unsigned)
KVSCOPE_SIMT_REDUCE(__reduce_max_sync, Max, int)
KVSCOPE_SIMT_REDUCE(__reduce_and_sync, And, unsigned)
KVSCOPE_SIMT_REDUCE(__reduce_or_sync, Or, unsigned)
KVSCOPE_SIMT_REDUCE(__reduce_xor_sync, Xor, unsigned)
#undef KVSCOPE_SIMT_REDUCE

// The lanes of the mask whose value equals the caller's.
template <class T>
requires(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)) unsigned __match_any_sync(
    unsigned mask, T value, std::source_location where = std::source_location::current()) {
  kvscope::simt::VoteArgument<T, uint32_t> argument{value, 0};
  kvscope::simt::WarpCollective(mask, &kvscope::simt::MatchLanes<T>, &argument, "__match_any_sync", where);
  return argument.result;
}
