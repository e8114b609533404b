#include "runtime/cache/page_memory.h"

#include <cstring>

#include "runtime/cache/page_slabs.h"

namespace kvscope {
namespace {

class HostMemory : public PageMemory {
 public:
  std::byte* Allocate(size_t bytes) override {
    std::byte* page = slabs_.Allocate(bytes);
    std::memset(page, 0, bytes);
    return page;
  }
  void Free(std::byte* page, size_t bytes) override { slabs_.Free(page, bytes); }
  void CopyPage(const std::byte* from, std::byte* to, size_t bytes) override { std::memcpy(to, from, bytes); }
  void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
                 const float* value) override {
    kvscope::StoreSlot(type, page, slot, head_dim, key, value);
  }
  void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
                size_t head_dim) override {
    kvscope::CopySlot(type, from_page, from_slot, to_page, to_slot, head_dim);
  }
  void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key,
                float* value) override {
    kvscope::LoadSlot(type, page, slot, head_dim, key, value);
  }

 private:
  PageSlabs slabs_;
};

}  // namespace

PageMemory& HostPageMemory() {
  static HostMemory memory;
  return memory;
}

}  // namespace kvscope
