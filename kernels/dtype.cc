#include "kernels/dtype.h"

#include <array>

namespace kvscope {
namespace {

struct Layout {
  std::string_view name;
  size_t block_elements;
  size_t block_bytes;
};

// Indexed by DType.
constexpr std::array kLayouts = {
    Layout{"F32", 1, 4},    Layout{"F16", 1, 2},    Layout{"BF16", 1, 2},
    Layout{"Q8_0", 32, 34}, Layout{"Q4_0", 32, 18}, Layout{"Q4_1", 32, 20},
};

const Layout& LayoutOf(DType dtype) { return kLayouts[static_cast<size_t>(dtype)]; }

}  // namespace

std::string_view Name(DType dtype) { return LayoutOf(dtype).name; }
size_t BlockElements(DType dtype) { return LayoutOf(dtype).block_elements; }
size_t BlockBytes(DType dtype) { return LayoutOf(dtype).block_bytes; }

size_t RowBytes(DType dtype, size_t columns) { return columns / BlockElements(dtype) * BlockBytes(dtype); }

}  // namespace kvscope
