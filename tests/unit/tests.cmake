orcio_unit_tests(unit_index orcio_index
  unit/bounded_queue_test.cc
)

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_archiver orcio_archiver
    unit/local_host_test.cc
    unit/repository_lock_test.cc
    unit/shell_quote_test.cc
  )
endif()
