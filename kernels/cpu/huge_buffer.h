// Memory for what is read from end to end again and again: in huge pages where the system has them, so that
// reading it waits for few address translations.
#pragma once

#include <cstddef>

namespace kvscope {

class HugeBuffer {
 public:
  HugeBuffer() = default;
  // Zeros. Pages that are never written take no memory. Throws std::bad_alloc.
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(HugeBuffer&& other) noexcept;
  HugeBuffer& operator=(HugeBuffer&& other) noexcept;

  std::byte* data() const { return data_; }  // at the begin of a huge page
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kvscope
