#include "kernels/cpu/huge_buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

namespace kvscope {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace

HugeBuffer::HugeBuffer(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes > SIZE_MAX - 2 * kHugePage) throw std::bad_alloc();
  const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  // With a huge page to spare, so that one can begin at a multiple of its size; what is over goes back.
  void* const mapped =
      ::mmap(nullptr, rounded + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  const auto begin = reinterpret_cast<uintptr_t>(mapped);
  const size_t before = (kHugePage - begin % kHugePage) % kHugePage;
  data_ = static_cast<std::byte*>(mapped) + before;
  if (before > 0) ::munmap(mapped, before);
  if (before < kHugePage) ::munmap(data_ + rounded, kHugePage - before);
#ifdef MADV_HUGEPAGE
  ::madvise(data_, rounded, MADV_HUGEPAGE);  // advice: without huge pages it is slower, not wrong
#endif
}

HugeBuffer::~HugeBuffer() {
  if (data_ != nullptr) ::munmap(data_, (size_ + kHugePage - 1) / kHugePage * kHugePage);
}

HugeBuffer::HugeBuffer(HugeBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

HugeBuffer& HugeBuffer::operator=(HugeBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace kvscope
