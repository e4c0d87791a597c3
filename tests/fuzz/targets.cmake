orcio_fuzz_target(sidecar_fuzz orcio_index fuzz/sidecar_fuzz.cc)
target_link_libraries(sidecar_fuzz PRIVATE orcio_support)
add_executable(sidecar_seeds fuzz/sidecar_seeds.cc)
orcio_configure(sidecar_seeds)
target_link_libraries(sidecar_seeds PRIVATE orcio_support)

if(NOT ORCIO_INDEX_ONLY)
  orcio_fuzz_target(config_fuzz orcio_archiver fuzz/config_fuzz.cc)
endif()
