orcio_unit_tests(unit_index orcio_index
  unit/bounded_queue_test.cc
)

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_archiver orcio_archiver
    unit/repository_lock_test.cc
    unit/shell_quote_test.cc
    unit/ssh_command_test.cc
  )
endif()
