orcio_unit_tests(unit_index orcio_index
  unit/bounded_queue_test.cc
  unit/span_cache_test.cc
)
