orcio_unit_tests(unit_index orcio_index
  unit/archive_name_test.cc
  unit/archive_reader_test.cc
  unit/archive_tree_test.cc
  unit/archive_writer_test.cc
  unit/block_pool_test.cc
  unit/bounded_queue_test.cc
  unit/file_system_test.cc
  unit/gzip_member_test.cc
  unit/like_gnu_tar_test.cc
  unit/ordered_slots_test.cc
  unit/posix_acl_test.cc
  unit/rebuild_test.cc
  unit/repository_test.cc
  unit/run_facts_test.cc
  unit/sha256_test.cc
  unit/sidecar_format_test.cc
  unit/sidecar_malformed_test.cc
  unit/sidecar_test.cc
  unit/span_cache_test.cc
  unit/stage_group_test.cc
  unit/tar_damage_test.cc
  unit/tar_dialects_test.cc
  unit/tar_headers_test.cc
  unit/tar_scanner_test.cc
  unit/tree_listing_test.cc
)
# For the worked examples in the documents.
target_compile_definitions(unit_index PRIVATE ORCIO_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_archiver orcio_archiver
    unit/archive_all_test.cc
    unit/command_control_test.cc
    unit/compose_control_test.cc
    unit/hook_test.cc
    unit/config_test.cc
    unit/local_host_test.cc
    unit/remote_tar_test.cc
    unit/remote_tar_verdict_test.cc
    unit/repository_lock_test.cc
    unit/service_run_test.cc
    unit/safe_text_test.cc
    unit/shell_quote_test.cc
    unit/ssh_command_test.cc
    unit/systemd_control_test.cc
  )
  target_compile_definitions(unit_archiver PRIVATE ORCIO_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_cli orcio_cli
    unit/cli_exit_code_test.cc
    unit/cli_text_test.cc
  )
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_fusefs orcio_fusefs
    unit/mount_options_test.cc
    unit/namespace_test.cc
  )
endif()

# Under ThreadSanitizer alone: what threads share, in a program that builds and runs within minutes.
if(ORCIO_SANITIZE STREQUAL "thread" AND NOT ORCIO_INDEX_ONLY)
  add_executable(unit_threads
    unit/archive_all_test.cc
    unit/archive_reader_test.cc
    unit/archive_writer_test.cc
    unit/block_pool_test.cc
    unit/bounded_queue_test.cc
    unit/namespace_test.cc
    unit/ordered_slots_test.cc
    unit/rebuild_test.cc
    unit/span_cache_test.cc
    unit/stage_group_test.cc
  )
  orcio_configure(unit_threads)
  target_compile_definitions(unit_threads PRIVATE ORCIO_SOURCE_DIRECTORY="${PROJECT_SOURCE_DIR}")
  target_link_libraries(unit_threads PRIVATE orcio_test_support orcio_archiver orcio_fusefs)
  add_test(NAME unit_threads COMMAND unit_threads)
  set_tests_properties(unit_threads PROPERTIES TIMEOUT 600)
endif()
