#include "runtime/cpu/packed_model.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "kernels/cpu/matmul.h"

namespace kvscope {
namespace {

constexpr size_t kAlignment = 64;

struct Packing {
  const WeightMatrix* from;
  PackedMatrix* to;
};

// A layer's matrices, in the order in which a pass reads them.
std::vector<Packing> PackingsOf(const LayerWeights& from, PackedLayer& to) {
  return {{&from.q, &to.q},       {&from.k, &to.k},   {&from.v, &to.v},      {&from.o, &to.o},
          {&from.gate, &to.gate}, {&from.up, &to.up}, {&from.down, &to.down}};
}

size_t Aligned(size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Lets the system take the file's pages out of memory; a later read gets them back.
void DropPages(const Model& model) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const std::span<const std::byte> bytes : model.mapped) {
    const auto begin = reinterpret_cast<uintptr_t>(bytes.data());
    const uintptr_t first = (begin + page - 1) / page * page, end = (begin + bytes.size()) / page * page;
    if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
  }
}

}  // namespace

PackedModel::PackedModel(const Model& model, ThreadPool& pool) : model_(model), layers_(model.layers.size()) {
  std::vector<std::vector<Packing>> parts;
  for (size_t l = 0; l < layers_.size(); ++l) parts.push_back(PackingsOf(model.layers[l], layers_[l]));
  parts.push_back({{&model.head, &head_}});
  size_t bytes = 0;
  for (const auto& part : parts)
    for (const auto& [from, to] : part) bytes += Aligned((*to = PackedShape(*from)).bytes());
  buffer_ = HugeBuffer(bytes);
  std::byte* next = buffer_.data();
  DropPages(model);
  for (const auto& part : parts) {
    for (const auto& [from, to] : part) {
      std::byte* const data = next;
      to->data = data;
      next += Aligned(to->bytes());
      pool.ParallelRanges(to->panels(), [&, from = from](size_t first, size_t end, int) {
        PackPanels(*from, first, end, data);
      });
    }
    DropPages(model);
  }
}

void PackedModel::Embed(size_t token, float* out) const {
  if (model_.config.tied_embeddings) {
    UnpackRow(head_, token, out);
  } else {
    DequantizeRowFast(model_.embedding, token, out);
  }
}

}  // namespace kvscope
