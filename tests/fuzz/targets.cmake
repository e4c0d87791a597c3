if(NOT ORCIO_INDEX_ONLY)
  orcio_fuzz_target(config_fuzz orcio_archiver fuzz/config_fuzz.cc)
endif()
