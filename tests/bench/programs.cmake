add_executable(receive_rate bench/receive_rate.cc)
orcio_configure(receive_rate)
target_link_libraries(receive_rate PRIVATE orcio_support orcio_archiver PkgConfig::ssh)
