# What every target of orcio shares: warnings, sanitizers, the include root.

find_package(Threads REQUIRED)

function(orcio_configure target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow)
  if(ORCIO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND ORCIO_SANITIZE)
    # GCC 12 reports maybe-uninitialized inside the standard library once sanitizers change its inlining.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC bug 105651: with -O3, "text" + std::string() seems to overlap itself.
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(ORCIO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${ORCIO_SANITIZE} -fno-omit-frame-pointer
                                             -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${ORCIO_SANITIZE})
  endif()
  target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()

# orcio_library(NAME SOURCES...): one static library a folder.
function(orcio_library name)
  add_library(${name} STATIC ${ARGN})
  orcio_configure(${name})
  if(ORCIO_FUZZ)
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()
