# One function for each kind of target. All take SOURCES, HEADERS and DEPS; a name is its file's stem.

# Compiles headers of a library in a translation unit of their own, so that each includes what it needs. Those that a
# source of their name includes first, as it should, are compiled so already.
function(kvscope_check_headers target)
  set(units)
  foreach(header IN LISTS ARGN)
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${header})
    string(REGEX REPLACE "\\.h$" ".cc" source ${header})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
      file(STRINGS ${source} includes REGEX "^#include" LIMIT_COUNT 1)
      if(NOT includes STREQUAL "#include \"${path}\"")
        message(FATAL_ERROR "${source}: expected ${path} as the first header")
      endif()
      continue()
    endif()
    string(MAKE_C_IDENTIFIER ${header} stem)
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/header_checks/${stem}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "#include \"${path}\"  // IWYU pragma: keep\n")
    list(APPEND units ${unit})
  endforeach()
  if(units AND BUILD_TESTING AND NOT KVSCOPE_SANITIZE)
    add_library(${target}_headers OBJECT ${units})
    target_link_libraries(${target}_headers PRIVATE ${target})
  endif()
endfunction()

function(kvscope_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES} ${ARG_HEADERS})
    target_link_libraries(${name} PUBLIC kvscope_options ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE kvscope_options ${ARG_DEPS})
  endif()
  kvscope_check_headers(${name} ${ARG_HEADERS})
endfunction()

function(kvscope_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE kvscope_options ${ARG_DEPS})
endfunction()

# name is the stem of name.cc, which ends in _test. LABELS are ctest's; TIMEOUT is in seconds (default 120).
function(kvscope_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS;ENVIRONMENT" ${ARGN})
  set_property(GLOBAL APPEND PROPERTY KVSCOPE_TESTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}.cc)
  if(NOT BUILD_TESTING)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(KVSCOPE_SANITIZE)
    math(EXPR ARG_TIMEOUT "10 * ${ARG_TIMEOUT}")
  endif()
  add_executable(${name} ${name}.cc ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE kvscope_options ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  # How GoogleTest ends when all tests were skipped: such a program is a skipped test, not a passed one. A list of
  # failed tests behind the skipped ones does not match.
  set_tests_properties(${name} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}" ENVIRONMENT "${ARG_ENVIRONMENT}"
    SKIP_REGULAR_EXPRESSION "\\[  PASSED  \\] 0 tests\\.\n(\\[  SKIPPED \\][^\n]*\n*)+$")
endfunction()

function(kvscope_benchmark name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  add_executable(${name} ${name}.cc)
  target_link_libraries(${name} PRIVATE kvscope_options ${ARG_DEPS} benchmark::benchmark benchmark::benchmark_main)
  if(BUILD_TESTING)
    # A dry run: proves that the program still works, says nothing of speed.
    add_test(NAME ${name}_dry_run COMMAND ${name} --benchmark_min_time=0)
    set_tests_properties(${name}_dry_run PROPERTIES TIMEOUT 120 LABELS bench)
  endif()
endfunction()

# name.cc defines a fuzz target (results/base/fuzz/fuzz_target.h): with KVSCOPE_FUZZ a program of libFuzzer, otherwise a
# test of its seeds and some mutations of them.
function(kvscope_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  if(KVSCOPE_FUZZ)
    add_executable(${name} ${name}.cc)
    target_link_libraries(${name} PRIVATE kvscope_options kvscope_fuzz_program ${ARG_DEPS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
    add_dependencies(kvscope_fuzz_targets ${name})
  elseif(BUILD_TESTING)
    add_executable(${name} ${name}.cc)
    target_link_libraries(${name} PRIVATE kvscope_options kvscope_fuzz_replay ${ARG_DEPS})
    add_test(NAME ${name}_replay COMMAND ${name})
    set_tests_properties(${name}_replay PROPERTIES TIMEOUT 120 LABELS fuzz)
  endif()
endfunction()

# Fails the configuration when a *_test.cc on disk belongs to no kvscope_test.
function(kvscope_check_tests_registered)
  get_property(registered GLOBAL PROPERTY KVSCOPE_TESTS)
  foreach(room bench datasets eval kernels results runtime scripts)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${room}/*_test.cc)
    list(APPEND on_disk ${found})
  endforeach()
  foreach(test IN LISTS on_disk)
    if(NOT test IN_LIST registered)
      message(FATAL_ERROR "${test} is on disk but no kvscope_test registers it")
    endif()
  endforeach()
endfunction()

# Compiles a data file into a library: `#include "embedded/SYMBOL.h"` declares
# std::string_view kvscope::embedded::SYMBOL(), the file's bytes.
function(kvscope_embed_file target symbol file)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/embed/embedded)
  get_filename_component(path ${file} ABSOLUTE)
  file(CONFIGURE OUTPUT ${folder}/${symbol}.h CONTENT "#pragma once
#include <string_view>
namespace kvscope::embedded {
std::string_view @symbol@();
}
")
  file(CONFIGURE OUTPUT ${folder}/${symbol}.cc CONTENT "#include \"embedded/@symbol@.h\"
__asm__(\".pushsection .rodata\\n.balign 64\\n\"
        \"kvscope_embedded_@symbol@_begin:\\n.incbin \\\"@path@\\\"\\nkvscope_embedded_@symbol@_end:\\n.popsection\");
extern \"C\" {
extern const char kvscope_embedded_@symbol@_begin[] __attribute__((visibility(\"hidden\")));
extern const char kvscope_embedded_@symbol@_end[] __attribute__((visibility(\"hidden\")));
}
namespace kvscope::embedded {
std::string_view @symbol@() {
  return {kvscope_embedded_@symbol@_begin,
          static_cast<size_t>(kvscope_embedded_@symbol@_end - kvscope_embedded_@symbol@_begin)};
}
}  // namespace kvscope::embedded
")
  set_property(SOURCE ${folder}/${symbol}.cc APPEND PROPERTY OBJECT_DEPENDS ${path})
  target_sources(${target} PRIVATE ${folder}/${symbol}.cc)
  target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/embed)
endfunction()
