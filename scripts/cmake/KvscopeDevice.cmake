# Device code: .cu files that nvcc compiles for GPUs (KVSCOPE_CUDA) and the host compiler for the emulator of kernels/simt.
# The emulator needs NVIDIA's headers but neither its compiler nor its libraries; without them it is left out. So it is where
# a preset has a sanitizer for everything: the emulator's own variants have theirs.
find_path(KVSCOPE_CUDA_INCLUDE cublasLt.h HINTS /usr/local/cuda/include)
if(KVSCOPE_CUDA_INCLUDE AND NOT KVSCOPE_SANITIZE)
  set(KVSCOPE_EMULATOR ON)
else()
  set(KVSCOPE_EMULATOR OFF)
  message(STATUS "No headers of the CUDA toolkit, or a sanitizer: device code is not emulated, and its tests are skipped")
endif()

# An emulated library is built in several variants: races show under ThreadSanitizer only, and accesses out of bounds are
# exact under AddressSanitizer only.
#   plain    without a sanitizer; no suffix
#   counted  counts the kernels' loads and stores
#   asan     AddressSanitizer and UndefinedBehaviorSanitizer
#   tsan     ThreadSanitizer, each device thread a thread to it
set(KVSCOPE_SIMT_VARIANTS plain counted asan tsan)

# What a variant's name ends in.
function(kvscope_simt_suffix variant out)
  if(variant STREQUAL plain)
    set(${out} "" PARENT_SCOPE)
  else()
    set(${out} _${variant} PARENT_SCOPE)
  endif()
endfunction()

# The emulator in all variants: `name`, `name`_asan and so on. COUNTED_SOURCES replace UNCOUNTED_SOURCES in `counted`.
function(kvscope_simt_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;COUNTED_SOURCES;UNCOUNTED_SOURCES;HEADERS;DEPS" ${ARGN})
  foreach(variant IN LISTS KVSCOPE_SIMT_VARIANTS)
    kvscope_simt_suffix(${variant} suffix)
    set(target ${name}${suffix})
    set(sources ${ARG_SOURCES} ${ARG_UNCOUNTED_SOURCES})
    if(variant STREQUAL counted)
      set(sources ${ARG_SOURCES} ${ARG_COUNTED_SOURCES})
    endif()
    add_library(${target} STATIC ${sources} ${ARG_HEADERS})
    target_link_libraries(${target} PUBLIC kvscope_options ${ARG_DEPS})
    target_include_directories(${target} SYSTEM PUBLIC ${KVSCOPE_CUDA_INCLUDE})
    target_compile_definitions(${target} PUBLIC KVSCOPE_DEVICE_EMULATED)
    target_compile_options(${target} PUBLIC -Wno-unknown-pragmas)  # nvcc's `#pragma unroll`
    if(variant STREQUAL asan)
      target_compile_options(${target} PUBLIC
        -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all -O1 -g)
      target_link_options(${target} PUBLIC -fsanitize=address,undefined)
    elseif(variant STREQUAL tsan)
      # kernels/simt/sanitizers.h says why the emulator itself is not instrumented.
      target_compile_options(${target} INTERFACE -fsanitize=thread -O1 -g)
      target_compile_definitions(${target} PRIVATE KVSCOPE_SIMT_TSAN)
      target_link_options(${target} PUBLIC -fsanitize=thread)
    endif()
  endforeach()
  kvscope_check_headers(${name} ${ARG_HEADERS})
endfunction()

# Kernels for the emulator, or what runs them, in VARIANTS (default all), each with its variants of EMULATED_DEPS. To be
# called in a directory in which no target compiles SOURCES with nvcc.
function(kvscope_emulated_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;VARIANTS;EMULATED_DEPS;DEPS" ${ARGN})
  if(NOT ARG_VARIANTS)
    set(ARG_VARIANTS ${KVSCOPE_SIMT_VARIANTS})
  endif()
  set_source_files_properties(${ARG_SOURCES} PROPERTIES LANGUAGE CXX)
  foreach(variant IN LISTS ARG_VARIANTS)
    kvscope_simt_suffix(${variant} suffix)
    add_library(${name}${suffix} STATIC ${ARG_SOURCES})
    list(TRANSFORM ARG_EMULATED_DEPS APPEND "${suffix}" OUTPUT_VARIABLE emulated_deps)
    target_link_libraries(${name}${suffix} PUBLIC kvscope_simt${suffix} ${emulated_deps} ${ARG_DEPS})
    if(variant STREQUAL counted)
      target_compile_options(${name}${suffix} PRIVATE -fsanitize=thread)  # and not linked with it: access_hooks.cc
    endif()
  endforeach()
endfunction()

# The test SOURCE (default NAME.cc) in VARIANTS (default all), each with its variants of EMULATED_DEPS. ARGUMENTS are the
# program's.
function(kvscope_emulated_test name)
  cmake_parse_arguments(ARG "" "SOURCE" "VARIANTS;EMULATED_DEPS;DEPS;ARGUMENTS" ${ARGN})
  if(NOT ARG_SOURCE)
    set(ARG_SOURCE ${name}.cc)
  endif()
  if(NOT ARG_VARIANTS)
    set(ARG_VARIANTS ${KVSCOPE_SIMT_VARIANTS})
  endif()
  get_filename_component(path ${ARG_SOURCE} ABSOLUTE)
  set_property(GLOBAL APPEND PROPERTY KVSCOPE_TESTS ${path})
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT KVSCOPE_EMULATOR)
    add_test(NAME ${name} COMMAND ${CMAKE_COMMAND} -E echo "skipped: no emulator")
    set_tests_properties(${name} PROPERTIES LABELS emulated SKIP_REGULAR_EXPRESSION "^skipped: ")
    return()
  endif()
  foreach(variant IN LISTS ARG_VARIANTS)
    kvscope_simt_suffix(${variant} suffix)
    add_executable(${name}${suffix} ${ARG_SOURCE})
    list(TRANSFORM ARG_EMULATED_DEPS APPEND "${suffix}" OUTPUT_VARIABLE emulated_deps)
    target_link_libraries(${name}${suffix} PRIVATE ${emulated_deps} ${ARG_DEPS} GTest::gmock GTest::gtest_main)
    add_test(NAME ${name}${suffix} COMMAND ${name}${suffix} ${ARG_ARGUMENTS})
    set_tests_properties(${name}${suffix} PROPERTIES TIMEOUT 600 LABELS emulated)
  endforeach()
endfunction()

if(KVSCOPE_CUDA)
  add_custom_target(kvscope_cuda)  # all that nvcc compiles, and its tests
endif()

# Kernels for GPUs. A kernel that spills registers or a warning fails the build. What ptxas says of each kernel and its PTX
# are kept for bench/roofline/kernel_resources.py.
function(kvscope_cuda_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC kvscope_options ${ARG_DEPS} CUDA::cublasLt CUDA::cudart_static)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/kept)
  target_compile_options(${name} PRIVATE
    -Werror=all-warnings -Xcompiler=-Wall,-Wextra --keep --keep-dir=${CMAKE_CURRENT_BINARY_DIR}/kept
    -Xptxas=--verbose,--warn-on-spills,--warn-on-local-memory-usage,--warning-as-error)
  set_target_properties(${name} PROPERTIES
    CUDA_ARCHITECTURES "80;90;100"
    CUDA_COMPILER_LAUNCHER ${PROJECT_SOURCE_DIR}/scripts/cmake/keep_messages)
  add_dependencies(kvscope_cuda ${name})
endfunction()

# The tests of kvscope_emulated_test on a GPU; where there is none they skip.
function(kvscope_cuda_test name)
  cmake_parse_arguments(ARG "" "SOURCE" "DEPS" ${ARGN})
  if(BUILD_TESTING)
    add_executable(${name} ${ARG_SOURCE})
    target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
    add_dependencies(kvscope_cuda ${name})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS gpu
      SKIP_REGULAR_EXPRESSION "\\[  PASSED  \\] 0 tests\\.\n(\\[  SKIPPED \\][^\n]*\n*)+$")
  endif()
endfunction()
