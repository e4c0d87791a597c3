add_custom_target(fuzz_targets COMMENT "All fuzz targets, and what makes seeds for them")

# orcio_fuzz_target(NAME LIBRARY SOURCES...): one libFuzzer program. Its first directory argument is its corpus.
function(orcio_fuzz_target name library)
  add_executable(${name} ${ARGN})
  orcio_configure(${name})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE orcio_support ${library})
  add_dependencies(fuzz_targets ${name})
endfunction()

orcio_fuzz_target(sidecar_fuzz orcio_index fuzz/sidecar_fuzz.cc)
add_executable(sidecar_seeds fuzz/sidecar_seeds.cc)
orcio_configure(sidecar_seeds)
target_link_libraries(sidecar_seeds PRIVATE orcio_support)
add_dependencies(fuzz_targets sidecar_seeds)

if(NOT ORCIO_INDEX_ONLY)
  orcio_fuzz_target(config_fuzz orcio_archiver fuzz/config_fuzz.cc)
endif()
