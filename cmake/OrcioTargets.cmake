# What every target of orcio shares: warnings, sanitizers, the include root.

find_package(Threads REQUIRED)

# Clones in other folders share ccache's results: CMakePresets.json and -ffile-prefix-map keep the folder out of them.
find_program(ORCIO_CCACHE ccache)
if(ORCIO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ORCIO_CCACHE})
endif()

function(orcio_configure target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety)  # see base/threads/mutex.h
  endif()
  if(ORCIO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # These change with what GCC inlines, hence with the optimisation, the sanitizers and the headers around, and GCC 12 finds them
    # in the standard library (bug 105651 among others).
    foreach(warning maybe-uninitialized array-bounds restrict stringop-overflow stringop-overread stringop-truncation)
      target_compile_options(${target} PRIVATE -Wno-${warning})
    endforeach()
  endif()
  target_compile_options(${target} PRIVATE -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND ORCIO_FEW_UNITS)
    # A class of one source file holds types of that file's anonymous namespace: GCC tells the file from a header by its being the
    # main one.
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
  if(ORCIO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${ORCIO_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${ORCIO_SANITIZE})
    if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
      target_link_options(${target} PRIVATE -fuse-ld=lld)
    endif()
  endif()
  target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()

# With ORCIO_FEW_UNITS and tests: what waits for hosts and disks more than it computes takes half as long to compile so.
function(orcio_unoptimised target)
  if(ORCIO_FEW_UNITS AND ORCIO_TESTS)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# orcio_library(NAME SOURCES...): one static library a folder of the root. With ORCIO_FEW_UNITS its sources are compiled together: no name may stand
# for two things in it.
function(orcio_library name)
  add_library(${name} STATIC ${ARGN})
  if(ORCIO_FEW_UNITS)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 10)
  endif()
  orcio_configure(${name})
  if(ORCIO_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
