// Pages of cached keys and values that caches share until one of them writes, and the account of their bytes.
#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/cache/page_memory.h"

namespace kvscope {

// Bytes of the pages that exist in a memory, each counted once however many caches share it. Thread-safe.
class PageLedger {
 public:
  // `limit_bytes`: what pages may take together; 0: no limit. `memory` outlives this.
  explicit PageLedger(size_t limit_bytes = 0, PageMemory& memory = HostPageMemory())
      : limit_bytes_(limit_bytes), memory_(memory) {}
  PageLedger(const PageLedger&) = delete;
  PageLedger& operator=(const PageLedger&) = delete;

  size_t bytes() const { return bytes_.load(); }
  size_t peak_bytes() const { return peak_bytes_.load(); }
  PageMemory& memory() const { return memory_; }

 private:
  friend class PageRef;

  // Throws std::bad_alloc where it would exceed the limit.
  void Take(size_t bytes);
  void GiveBack(size_t bytes) { bytes_.fetch_sub(bytes); }

  const size_t limit_bytes_;
  PageMemory& memory_;
  std::atomic<size_t> bytes_{0};
  std::atomic<size_t> peak_bytes_{0};
};

// One owner's share of a page. Copying shares the page; the last owner frees it. Owners on different threads
// may copy, write through and destroy their own references at the same time.
class PageRef {
 public:
  // A new page. Throws std::bad_alloc. The ledger must outlive the page.
  PageRef(PageLedger& ledger, size_t bytes);
  PageRef(const PageRef& other);
  PageRef(PageRef&& other) noexcept;
  PageRef& operator=(PageRef other) noexcept;
  ~PageRef();

  const std::byte* data() const;

  // The page's bytes for writing: this owner's alone. A page with other owners is copied first, and they keep
  // the old one.
  std::byte* Writable();

 private:
  struct Page;
  static Page* Allocate(PageLedger& ledger, size_t bytes);

  Page* page_;  // null after a move
};

}  // namespace kvscope
