// Propagation of absl::Status: the two macros that every room uses.
//
// Debian builds Abseil with a string_view of its own, which std::string_view does not convert to. So messages
// are made with fmt::format, and of Abseil only Status, StatusOr and Cleanup are used.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define KVSCOPE_CONCAT_INNER(a, b) a##b
#define KVSCOPE_CONCAT(a, b) KVSCOPE_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expr`, an absl::Status, is not OK.
#define RETURN_IF_ERROR(expr)                                                              \
  do {                                                                                     \
    if (absl::Status kvscope_status = (expr); !kvscope_status.ok()) return kvscope_status; \
  } while (false)

// `lhs` = the value of `expr`, an absl::StatusOr; returns from the enclosing function when it holds none.
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(KVSCOPE_CONCAT(kvscope_status_or_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_IMPL(result, lhs, expr) \
  auto result = (expr);                          \
  if (!result.ok()) return result.status();      \
  lhs = *std::move(result)
