orcio_unit_tests(unit_index orcio_index
  unit/bounded_queue_test.cc
)
