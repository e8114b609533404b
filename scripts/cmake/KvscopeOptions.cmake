# Compiler settings that every target shares, as one interface library: kvscope_options.
option(KVSCOPE_WERROR "Treat warnings as errors" ON)
option(KVSCOPE_CUDA "Require the CUDA toolkit's compiler" OFF)
set(KVSCOPE_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=; empty for none")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(kvscope_options INTERFACE)
target_include_directories(kvscope_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(kvscope_options INTERFACE
  -Wall -Wextra -Wshadow -Wcast-qual -Wnon-virtual-dtor -Woverloaded-virtual
  # A designated initializer that leaves members to their defaults is meant to.
  -Wno-missing-field-initializers
  # A fused multiply-add chosen by the compiler would make results depend on the target it compiled for.
  -ffp-contract=off)
if(KVSCOPE_WERROR)
  target_compile_options(kvscope_options INTERFACE -Werror)
endif()
if(KVSCOPE_SANITIZE)
  target_compile_options(kvscope_options INTERFACE
    -fsanitize=${KVSCOPE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(kvscope_options INTERFACE -fsanitize=${KVSCOPE_SANITIZE})
endif()

# So far this checks the toolchain only: there are no .cu sources yet.
if(KVSCOPE_CUDA)
  enable_language(CUDA)
endif()
