// How much memory caches may come to, known before they are made: lengths follow from budgets and steps, not
// from scores.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/kv_page.h"
#include "runtime/engine/engine.h"
#include "runtime/model/model_config.h"

namespace kvscope {

// Upper bounds for one request of a group, which starts from one prompt.
struct CacheNeed {
  size_t selection = 0;  // requests of the group with the same number keep the same entries of the prompt
  std::vector<size_t> prompt_bytes;  // [layers]: pages of these entries that the request never writes to
  size_t other_bytes = 0;            // all its other pages
};

// One for each request of `group`. A request whose method cannot run on the prompt needs nothing.
std::vector<CacheNeed> CacheNeeds(std::span<const SequenceRequest> group, const ModelConfig& config,
                                  KvType kv);

// Of the requests' common selections, by selection: what they never write to is in memory once.
std::vector<size_t> SelectionBytes(std::span<const CacheNeed> needs);

// Of requests that run at the same time: selections once, the rest of each.
size_t BytesTogether(std::span<const CacheNeed> needs);

// One layer's whole prompt, which is in memory besides while it is prefilled.
size_t LayerBytes(const ModelConfig& config, KvType kv, size_t prompt);

}  // namespace kvscope
