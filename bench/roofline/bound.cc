#include "bench/roofline/bound.h"

#include <algorithm>

namespace kvscope::roofline {
namespace {

size_t CachedHeads(const ModelShape& model, const Method& method) {
  return method.CachesQueryHeads() ? model.heads : model.kv_heads;
}

double Seconds(double bytes, double flops, const Gpu& gpu, Precision precision) {
  return std::max(bytes / gpu.memory_bytes_per_s, flops / gpu.FlopsPerSecond(precision));
}

}  // namespace

LeastWork LeastDecodeWork(const Pass& pass, const Method& method, size_t batch, double slots) {
  const ModelShape& m = pass.model;
  const auto rows = static_cast<double>(batch * m.layers);
  const auto slot_bytes = static_cast<double>(SlotBytes(pass.kv, m.head_dim) * CachedHeads(m, method));
  LeastWork work;
  work.bytes = m.PassBytes() + static_cast<uint64_t>(rows * slots * slot_bytes);
  work.flops = 2.0 * static_cast<double>(m.MultipliedParameters()) * static_cast<double>(batch) +
               4.0 * rows * slots * static_cast<double>(m.heads * m.head_dim);
  return work;
}

LeastWork LeastPrefillWork(const Pass& pass, size_t prompt) {
  const ModelShape& m = pass.model;
  const auto p = static_cast<double>(prompt);
  const uint64_t head = m.vocab * m.hidden;  // of the last token only
  LeastWork work;
  work.bytes = m.PassBytes() + prompt * m.layers * m.kv_heads * SlotBytes(pass.kv, m.head_dim);
  work.flops = 2.0 * static_cast<double>(m.MultipliedParameters() - head) * p +
               2.0 * static_cast<double>(head) +
               4.0 * static_cast<double>(m.layers * m.heads * m.head_dim) * p * (p + 1) / 2;
  return work;
}

double BoundSeconds(const LeastWork& work, const Gpu& gpu, Precision precision) {
  return Seconds(static_cast<double>(work.bytes), work.flops, gpu, precision);
}

double KernelSeconds(std::span<const Launches> launches, const Gpu& gpu, Precision precision) {
  double seconds = 0;
  for (const Launches& l : launches) {
    seconds += static_cast<double>(l.count) *
               Seconds(static_cast<double>(l.work.memory_bytes()), l.work.flops, gpu, precision);
  }
  return seconds;
}

uint64_t CacheBytes(const Pass& pass, const Method& method, const CacheLengths& lengths) {
  return lengths.peak_entries * CachedHeads(pass.model, method) * SlotBytes(pass.kv, pass.model.head_dim);
}

uint64_t LargestBatch(const Pass& pass, uint64_t cache_bytes, const Gpu& gpu) {
  const uint64_t weights = pass.model.StoredBytes();
  return weights >= gpu.memory_bytes ? 0 : (gpu.memory_bytes - weights) / cache_bytes;
}

}  // namespace kvscope::roofline
