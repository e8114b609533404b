#include "runtime/cuda/weight_upload.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

class WeightUploadTest : public DeviceTest {
 protected:
  // What a stream that waits for nothing but Finish finds where arrays of these sizes were to go.
  static std::vector<std::byte> Found(const std::vector<std::byte>& file, const std::vector<size_t>& sizes) {
    DeviceArray<std::byte> device(file.size());
    std::vector<std::byte> found(file.size());
    DeviceStream stream;
    EXPECT_TRUE(stream.Create().ok());
    WeightUpload upload(64);
    size_t at = 0;
    for (const size_t bytes : sizes) {
      std::vector<std::byte> unmapped(file.begin() + static_cast<std::ptrdiff_t>(at),
                                      file.begin() + static_cast<std::ptrdiff_t>(at + bytes));
      EXPECT_TRUE(upload.Copy(unmapped.data(), device.data() + at, bytes).ok());
      unmapped.assign(bytes, std::byte{0xee});
      at += bytes;
    }
    EXPECT_TRUE(upload.Finish(stream.get()).ok());
    EXPECT_CUDA_OK(
        cudaMemcpyAsync(found.data(), device.data(), found.size(), cudaMemcpyDeviceToHost, stream.get()));
    EXPECT_CUDA_OK(cudaStreamSynchronize(stream.get()));
    return found;
  }
};

TEST_F(WeightUploadTest, AllShardsAreThereForWorkBehindIt) {
  const std::vector<size_t> sizes = {1, 64, 65, 0, 700, 128, 3};
  std::vector<std::byte> file(961);
  for (size_t i = 0; i < file.size(); ++i) file[i] = static_cast<std::byte>(i * 31 % 251);
#if defined(KVSCOPE_DEVICE_EMULATED)
  const simt::Options before = simt::CurrentOptions();
  simt::CurrentOptions().deferred_streams = true;
  for (simt::CurrentOptions().seed = 1; simt::CurrentOptions().seed <= 20; ++simt::CurrentOptions().seed) {
    EXPECT_EQ(Found(file, sizes), file) << "seed " << simt::CurrentOptions().seed;
  }
  simt::CurrentOptions() = before;
#endif
  EXPECT_EQ(Found(file, sizes), file);
}

TEST_F(WeightUploadTest, NothingToCopyIsDone) { EXPECT_EQ(Found({}, {0}), std::vector<std::byte>()); }

}  // namespace
}  // namespace kvscope
