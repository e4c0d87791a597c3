add_executable(sidecar_size bench/sidecar_size.cc)
orcio_configure(sidecar_size)
target_link_libraries(sidecar_size PRIVATE orcio_index)
