# Run at every build (cmake -P) with SOURCE_DIR and OUTPUT: writes which commit is being built. The file changes,
# and what includes it is compiled again, only when the answer does.
cmake_minimum_required(VERSION 3.25)
find_package(Git QUIET)
set(commit "")
set(dirty 0)
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse HEAD WORKING_DIRECTORY ${SOURCE_DIR}
    OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit ${head})
    execute_process(COMMAND ${GIT_EXECUTABLE} --no-optional-locks status --porcelain --untracked-files=no
      WORKING_DIRECTORY ${SOURCE_DIR} OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(dirty 1)
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define KVSCOPE_GIT_COMMIT \"@commit@\"
#define KVSCOPE_GIT_DIRTY @dirty@
")
