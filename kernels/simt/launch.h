// Launches, in place of the `<<<>>>` that a host compiler cannot parse.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <string_view>
#include <type_traits>

namespace kvscope::simt {

// Checks the sizes as a device does, then puts the launch into its stream. `function` identifies the kernel.
cudaError_t LaunchInStream(const void* function, std::string_view kernel, dim3 blocks, dim3 threads,
                           size_t dynamic_shared_bytes, cudaStream_t stream, std::function<void()> body);

// "RmsNormKernel<float>": the compiler's name of the kernel without its namespaces.
template <auto kKernel>
std::string_view KernelName() {
  std::string_view name = __PRETTY_FUNCTION__;  // "... [with auto kKernel = a::{anonymous}::K<b>; ..."
  constexpr std::string_view kBefore = "kKernel = ";
  name.remove_prefix(name.find(kBefore) + kBefore.size());
  name = name.substr(0, name.find_first_of(";]"));
  const size_t scope = name.substr(0, name.find('<')).rfind("::");
  return scope == std::string_view::npos ? name : name.substr(scope + 2);
}

// What a device takes as the type of a kernel's parameter, all in at most 4 KiB.
template <class... Parameters>
constexpr bool FitKernelParameters(void (*)(Parameters...)) {
  return (std::is_trivially_copyable_v<Parameters> && ...) && (sizeof(Parameters) + ... + 0) <= 4096;
}

}  // namespace kvscope::simt

namespace kvscope {

// Under nvcc: kKernel<<<blocks, threads, dynamic_shared_bytes, stream>>>(arguments...), and the error of the launch.
template <auto kKernel, class... Arguments>
[[nodiscard]] cudaError_t Launch(dim3 blocks, dim3 threads, size_t dynamic_shared_bytes, cudaStream_t stream,
                                 Arguments... arguments) {
  static_assert(simt::FitKernelParameters(kKernel));
  return simt::LaunchInStream(reinterpret_cast<const void*>(kKernel), simt::KernelName<kKernel>(), blocks,
                              threads, dynamic_shared_bytes, stream, [=] { kKernel(arguments...); });
}

}  // namespace kvscope

// Overloads that cuda_runtime.h has under nvcc only.
template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
