// The device language: atomic operations. Relaxed, as on a device: they order no other access.
#pragma once

#include <concepts>
#include <type_traits>

namespace kvscope::simt {

template <class T>
concept AtomicInteger =
    std::same_as<T, int> || std::same_as<T, unsigned> || std::same_as<T, unsigned long long>;

// Replaces *address by update(*address); what was there before.
template <class T, class Update>
T AtomicUpdate(T* address, Update update) {
  T before;
  __atomic_load(address, &before, __ATOMIC_RELAXED);
  T after = update(before);
  while (!__atomic_compare_exchange(address, &before, &after, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    after = update(before);
  }
  return before;
}

}  // namespace kvscope::simt

template <kvscope::simt::AtomicInteger T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
inline float atomicAdd(float* address, float value) {
  return kvscope::simt::AtomicUpdate(address, [value](float before) { return before + value; });
}
inline double atomicAdd(double* address, double value) {
  return kvscope::simt::AtomicUpdate(address, [value](double before) { return before + value; });
}
template <kvscope::simt::AtomicInteger T>
T atomicSub(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_sub(address, value, __ATOMIC_RELAXED);
}
template <kvscope::simt::AtomicInteger T>
T atomicAnd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_and(address, value, __ATOMIC_RELAXED);
}
template <kvscope::simt::AtomicInteger T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <kvscope::simt::AtomicInteger T>
T atomicXor(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_xor(address, value, __ATOMIC_RELAXED);
}
template <kvscope::simt::AtomicInteger T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return kvscope::simt::AtomicUpdate(address, [value](T before) { return value < before ? value : before; });
}
template <kvscope::simt::AtomicInteger T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return kvscope::simt::AtomicUpdate(address, [value](T before) { return before < value ? value : before; });
}
template <class T>
requires(kvscope::simt::AtomicInteger<T> || std::same_as<T, float>) T
    atomicExch(T* address, std::type_identity_t<T> value) {
  T before;
  __atomic_exchange(address, &value, &before, __ATOMIC_RELAXED);
  return before;
}
template <kvscope::simt::AtomicInteger T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  __atomic_compare_exchange_n(address, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return expected;
}
