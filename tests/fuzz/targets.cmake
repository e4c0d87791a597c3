# orcio_fuzz_target(NAME SOURCES...): one libFuzzer program. Its first directory argument is its corpus.
function(orcio_fuzz_target name)
  add_executable(${name} ${ARGN})
  orcio_configure(${name})
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(${name} PRIVATE orcio_support orcio_index)
endfunction()

orcio_fuzz_target(sidecar_fuzz fuzz/sidecar_fuzz.cc)
add_executable(sidecar_seeds fuzz/sidecar_seeds.cc)
orcio_configure(sidecar_seeds)
target_link_libraries(sidecar_seeds PRIVATE orcio_support)
