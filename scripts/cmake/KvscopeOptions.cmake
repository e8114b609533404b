# Compiler settings that every target shares, as one interface library: kvscope_options.
option(KVSCOPE_WERROR "Treat warnings as errors" ON)
option(KVSCOPE_CUDA "Require the CUDA toolkit's compiler" OFF)
option(KVSCOPE_FUZZ "Build the fuzz targets with libFuzzer" OFF)
set(KVSCOPE_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=; empty for none")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
include(CheckPIESupported)
check_pie_supported()  # executables are linked as position-independent, too

add_library(kvscope_options INTERFACE)
target_include_directories(kvscope_options INTERFACE ${PROJECT_SOURCE_DIR})
set(cxx_options -Wall -Wextra -Wshadow -Wcast-qual -Wnon-virtual-dtor -Woverloaded-virtual
  # A designated initializer that leaves members to their defaults is meant to.
  -Wno-missing-field-initializers
  # A fused multiply-add chosen by the compiler would make results depend on the target it compiled for.
  -ffp-contract=off)
if(KVSCOPE_WERROR)
  list(APPEND cxx_options -Werror)
endif()
target_compile_options(kvscope_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${cxx_options}>")
# What the linker makes read-only before the program starts; hardening_test.py reads it off the program.
target_link_options(kvscope_options INTERFACE LINKER:-z,relro,-z,now)
if(KVSCOPE_SANITIZE)
  target_compile_options(kvscope_options INTERFACE
    -fsanitize=${KVSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_compile_definitions(kvscope_options INTERFACE _GLIBCXX_ASSERTIONS)
  target_link_options(kvscope_options INTERFACE -fsanitize=${KVSCOPE_SANITIZE})
endif()

if(KVSCOPE_FUZZ)
  target_compile_options(kvscope_options INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(kvscope_fuzz_targets)
endif()

if(KVSCOPE_CUDA)
  enable_language(CUDA)
  if(NOT DEFINED CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)  # CMake 3.25 does not know that nvcc has it
  endif()
  find_package(CUDAToolkit REQUIRED)
endif()
