# Programs that tests/bench/run measures beside orcio itself. Each says in its first lines what it does.
function(orcio_bench_program name)
  add_executable(${name} ${ARGN})
  orcio_configure(${name})
  target_link_libraries(${name} PRIVATE orcio_index)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

orcio_bench_program(bench_archive_stream bench/archive_stream.cc)
orcio_bench_program(bench_deflate_alone bench/deflate_alone.cc)
orcio_bench_program(bench_inflate_alone bench/inflate_alone.cc)
orcio_bench_program(bench_sidecar_open bench/sidecar_open.cc)
foreach(name bench_deflate_alone bench_inflate_alone)
  target_link_libraries(${name} PRIVATE PkgConfig::deflate)
endforeach()

orcio_bench_program(sidecar_size bench/sidecar_size.cc)
orcio_bench_program(receive_rate bench/receive_rate.cc)
target_link_libraries(receive_rate PRIVATE orcio_support orcio_archiver PkgConfig::ssh)
