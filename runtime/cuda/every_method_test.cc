// The device backend against the CPU's: same tokens, same entries cached, same account of memory, for every
// method.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/device_testing.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cuda/backend_testing.h"
#include "runtime/cuda/cuda_backend.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"

namespace kvscope {
namespace {

using EveryMethodTest = DeviceTest;

TEST_F(EveryMethodTest, DoesAsOnTheCpu) {
  const auto model = MakeTestModel(5, {.layers = 2});
  const std::vector<Method> methods = EveryTestMethod();
  const std::vector<int> prompt = TestPrompt(70, 7);  // two pages
  const auto device = *MakeCudaBackend(model, Precision::kF32, KvType::kF32);
  const auto cpu = *MakeCpuBackend(model, Precision::kF32, KvType::kF32, 1);
  Generation found(*device, *model, methods, prompt), expected(*cpu, *model, methods, prompt);
  ExpectSame(found, expected, methods, model->config);
  for (int step = 0; step < 20; ++step) {
    found.Step();
    expected.Step();
  }
  ExpectSame(found, expected, methods, model->config);
}

}  // namespace
}  // namespace kvscope
