#include "runtime/cache/page.h"

#include <algorithm>
#include <new>
#include <utility>

namespace kvscope {

void PageLedger::Take(size_t bytes) {
  size_t before = bytes_.load();
  do {
    if (limit_bytes_ != 0 && bytes > limit_bytes_ - std::min(before, limit_bytes_)) throw std::bad_alloc();
  } while (!bytes_.compare_exchange_weak(before, before + bytes));
  size_t peak = peak_bytes_.load();
  while (peak < before + bytes && !peak_bytes_.compare_exchange_weak(peak, before + bytes)) {
  }
}

// On a cache line of its own: owners on different threads count themselves here.
struct alignas(64) PageRef::Page {
  Page(PageLedger& of_ledger, size_t page_bytes)
      : ledger(of_ledger), bytes(page_bytes), data(of_ledger.memory().Allocate(page_bytes)) {}
  ~Page() { ledger.memory().Free(data, bytes); }
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  PageLedger& ledger;
  std::atomic<size_t> owners{1};
  const size_t bytes;
  std::byte* const data;
};

PageRef::Page* PageRef::Allocate(PageLedger& ledger, size_t bytes) {
  ledger.Take(bytes);
  try {
    return new Page(ledger, bytes);
  } catch (const std::bad_alloc&) {
    ledger.GiveBack(bytes);
    throw;
  }
}

PageRef::PageRef(PageLedger& ledger, size_t bytes) : page_(Allocate(ledger, bytes)) {}

PageRef::PageRef(const PageRef& other) : page_(other.page_) {
  page_->owners.fetch_add(1, std::memory_order_relaxed);
}

PageRef::PageRef(PageRef&& other) noexcept : page_(std::exchange(other.page_, nullptr)) {}

PageRef& PageRef::operator=(PageRef other) noexcept {
  std::swap(page_, other.page_);
  return *this;
}

PageRef::~PageRef() {
  // Released, so that what this owner has read was read before the one that remains writes.
  if (page_ == nullptr || page_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  page_->ledger.GiveBack(page_->bytes);
  delete page_;
}

const std::byte* PageRef::data() const { return page_->data; }

std::byte* PageRef::Writable() {
  if (page_->owners.load(std::memory_order_acquire) != 1) {
    PageRef copy(page_->ledger, page_->bytes);
    page_->ledger.memory().CopyPage(page_->data, copy.page_->data, page_->bytes);
    std::swap(page_, copy.page_);
  }
  return page_->data;
}

}  // namespace kvscope
