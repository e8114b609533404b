// Rows and pages moved in device memory, against the same moves on the host.
#include "kernels/cuda/cache_edits.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/kv_layout.h"

namespace kvscope {
namespace {

class CacheEditsTest : public DeviceTest {
 protected:
  std::mt19937 random_{29};
};

// Pages numbered on the host; a list of edits is carried out there and on the device.
struct Edit {
  CacheEdit::What what;
  size_t to_page, to_slot, from_page, from_slot;
};

void ApplyOnHost(const Edit& edit, KvType type, size_t head_dim, std::vector<std::byte>& pages) {
  const size_t page_bytes = PageBytes(type, head_dim), row_bytes = head_dim * ElementBytes(type);
  std::byte* to = &pages[edit.to_page * page_bytes];
  const std::byte* from = &pages[edit.from_page * page_bytes];
  if (edit.what == CacheEdit::What::kPage) {
    std::memcpy(to, from, page_bytes);
    return;
  }
  for (const size_t half : {size_t{0}, page_bytes / 2}) {
    std::memcpy(to + half + edit.to_slot * row_bytes, from + half + edit.from_slot * row_bytes, row_bytes);
  }
}

TEST_F(CacheEditsTest, CarriesOutEachListInOrder) {
  using What = CacheEdit::What;
  // The first copies a page, moves a row of the copy, and moves what it moved; the second is empty; the third
  // swaps through a third slot.
  const std::vector<std::vector<Edit>> lists = {
      {{What::kPage, 1, 0, 0, 0}, {What::kSlot, 1, 3, 1, 63}, {What::kSlot, 2, 0, 1, 3}},
      {},
      {{What::kSlot, 3, 10, 3, 0}, {What::kSlot, 3, 0, 3, 1}, {What::kSlot, 3, 1, 3, 10}}};
  for (const auto& [type, head_dim] :
       {std::pair(KvType::kF32, size_t{8}), std::pair(KvType::kBF16, size_t{8}),
        std::pair(KvType::kF16, size_t{128})}) {
    SCOPED_TRACE(std::string(Name(type)) + ", head_dim " + std::to_string(head_dim));
    std::vector<std::byte> before(4 * PageBytes(type, head_dim));
    for (std::byte& byte : before) byte = static_cast<std::byte>(random_());
    std::vector<std::byte> expected = before;
    for (const auto& list : lists) {
      for (const Edit& edit : list) ApplyOnHost(edit, type, head_dim, expected);
    }
    ForEachOrder([&, t = type, d = head_dim] {
      DeviceArray<std::byte> pages(before);
      const auto address = [&](size_t page, size_t slot) {
        return SlotAddress(pages.data() + page * PageBytes(t, d), slot, t, d);
      };
      std::vector<CacheEdit> edits;
      std::vector<unsigned> begins = {0};
      for (const auto& list : lists) {
        for (const Edit& edit : list) {
          edits.push_back(
              {address(edit.to_page, edit.to_slot), address(edit.from_page, edit.from_slot), edit.what});
        }
        begins.push_back(static_cast<unsigned>(edits.size()));
      }
      DeviceArray<CacheEdit> device_edits(edits);
      DeviceArray<unsigned> device_begins(begins);
      EXPECT_CUDA_OK(EditCachesOnDevice(
          {device_edits.data(), device_begins.data(), lists.size(), static_cast<unsigned>(d), t}, nullptr));
      ASSERT_EQ(pages.ToHost(), expected);
    });
  }
}

TEST_F(CacheEditsTest, RefusesWrongParameters) {
  DeviceArray<CacheEdit> edits(1);
  DeviceArray<unsigned> begins(2);
  EXPECT_EQ(EditCachesOnDevice({nullptr, begins.data(), 1, 8, KvType::kF32}, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EditCachesOnDevice({edits.data(), nullptr, 1, 8, KvType::kF32}, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EditCachesOnDevice({edits.data(), begins.data(), 1, 10, KvType::kF32}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(EditCachesOnDevice({nullptr, nullptr, 0, 8, KvType::kF32}, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
