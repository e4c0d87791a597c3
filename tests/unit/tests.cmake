orcio_unit_tests(unit_index orcio_index
  APART inflater_test foreign_rebuild_test index_resume_test archive_assembler_test tar_dialects_test member_damage_test
  SOURCES
  unit/index/archive/archive_assembler_test.cc
  unit/index/repository/archive_name_test.cc
  unit/index/archive/archive_reader_test.cc
  unit/index/repository/archive_state_test.cc
  unit/index/sidecar/archive_tree_test.cc
  unit/index/archive/archive_writer_test.cc
  unit/index/archive/block_pool_test.cc
  unit/base/bounded_queue_test.cc
  unit/index/gzip/file_system_test.cc
  unit/index/archive/foreign_damage_test.cc
  unit/index/archive/foreign_rebuild_test.cc
  unit/index/repository/free_name_test.cc
  unit/index/gzip/gzip_member_test.cc
  unit/index/gzip/gzip_stream_test.cc
  unit/index/archive/index_resume_test.cc
  unit/index/gzip/inflater_test.cc
  unit/index/repository/latest_first_test.cc
  unit/index/repository/leftovers_test.cc
  unit/index/tar/extent_check_test.cc
  unit/index/tar/like_gnu_tar_test.cc
  unit/index/archive/member_damage_test.cc
  unit/base/ordered_slots_test.cc
  unit/index/tar/pax_records_test.cc
  unit/index/tar/posix_acl_test.cc
  unit/faults/power_loss_test.cc
  unit/index/archive/rebuild_test.cc
  unit/index/repository/repack_test.cc
  unit/index/repository/repository_test.cc
  unit/index/repository/retention_test.cc
  unit/index/sidecar/run_facts_test.cc
  unit/base/scratch_memory_test.cc
  unit/base/sha256_test.cc
  unit/index/sidecar/section_writer_test.cc
  unit/index/sidecar/sidecar_format_test.cc
  unit/index/sidecar/sidecar_malformed_test.cc
  unit/index/sidecar/sidecar_place_test.cc
  unit/index/sidecar/sidecar_test.cc
  unit/index/archive/span_cache_test.cc
  unit/base/stage_group_test.cc
  unit/index/tar/tar_damage_test.cc
  unit/index/tar/tar_dialects_test.cc
  unit/index/tar/tar_resume_test.cc
  unit/support/tar_fixtures_test.cc
  unit/index/tar/tar_scanner_test.cc
  unit/support/tree_listing_test.cc
  unit/index/gzip/window_store_test.cc
  unit/index/archive/verify_test.cc
)

orcio_unit_tests(unit_retrieve orcio_retrieve
  unit/retrieve/glob_test.cc
  unit/retrieve/plain_tar_header_test.cc
  unit/retrieve/search_test.cc
  unit/retrieve/search_words_test.cc
  unit/base/suggestion_test.cc
  unit/retrieve/text_diff_test.cc
)

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_test(NAME unguarded_read_is_an_error COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -fsyntax-only -Wthread-safety -Werror
    -I${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/unit/base/unguarded_read.cc)
  set_tests_properties(unguarded_read_is_an_error PROPERTIES
    PASS_REGULAR_EXPRESSION "reading variable 'count_' requires holding mutex 'mutex_'")
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_archiver orcio_archiver
    APART service_run_test service_run_failure_test swap_script_test wire_test lying_host_test remote_tar_test
    SOURCES
    unit/archiver/run/archive_all_test.cc
    unit/archiver/control/command_control_test.cc
    unit/archiver/host/command_frame_test.cc
    unit/archiver/control/compose_control_test.cc
    unit/archiver/control/compose_remake_test.cc
    unit/archiver/control/docker_test.cc
    unit/archiver/host/framed_host_test.cc
    unit/archiver/outcome/hook_test.cc
  unit/archiver/host/host_time_test.cc
    unit/archiver/run/in_place_test.cc
    unit/archiver/config/config_refusal_test.cc
    unit/archiver/config/config_test.cc
    unit/archiver/control/control_memory_test.cc
    unit/archiver/outcome/discreet_text_test.cc
    unit/archiver/host/known_hosts_test.cc
    unit/archiver/capture/listing_file_test.cc
    unit/support/local_host_test.cc
    unit/archiver/run/lost_paths_test.cc
    unit/archiver/run/lying_host_test.cc
    unit/archiver/run/other_writers_test.cc
    unit/archiver/outcome/mail_test.cc
    unit/archiver/capture/moved_files_test.cc
    unit/archiver/control/pause_control_test.cc
    unit/archiver/outcome/ping_test.cc
    unit/archiver/capture/remote_listing_test.cc
    unit/archiver/capture/remote_tar_test.cc
    unit/archiver/capture/remote_tar_verdict_test.cc
    unit/archiver/run/recover_test.cc
    unit/index/repository/repository_lock_test.cc
    unit/archiver/run/run_estimate_test.cc
    unit/archiver/control/run_journal_test.cc
    unit/archiver/outcome/run_telling_test.cc
    unit/archiver/run/service_run_failure_test.cc
    unit/archiver/run/service_run_test.cc
    unit/base/safe_text_test.cc
    unit/archiver/host/shell_quote_test.cc
    unit/archiver/host/ssh_client_words_test.cc
    unit/archiver/host/ssh_command_test.cc
    unit/archiver/host/ssh_dial_test.cc
    unit/archiver/host/ssh_mux_test.cc
    unit/archiver/host/ssh_settings_test.cc
    unit/base/stall_limit_test.cc
    unit/archiver/capture/standing_paths_test.cc
    unit/archiver/host/sudo_advice_test.cc
    unit/archiver/control/swap_script_test.cc
    unit/archiver/control/systemd_control_test.cc
    unit/archiver/control/unit_order_test.cc
    unit/archiver/run/volume_check_test.cc
    unit/archiver/capture/wire_test.cc
  )
  # Guards wait for silence, precopy for files to be at rest.
  orcio_unit_tests(unit_guard orcio_archiver WAITS unit/archiver/control/guard_test.cc unit/archiver/run/service_run_guard_test.cc)
  orcio_unit_tests(unit_precopy orcio_archiver WAITS
    unit/archiver/capture/precopy_kept_test.cc
    unit/faults/precopy_power_loss_test.cc
    unit/archiver/capture/precopy_test.cc
  )
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_faults orcio_archiver unit/faults/system_faults_test.cc support/files/system_faults.cc)
  orcio_unit_tests(unit_memory orcio_archiver unit/faults/out_of_memory_test.cc support/files/failing_allocations.cc)
  # Calls of these go through support/files/system_faults.cc.
  foreach(call open pread pwrite fsync fchmod fstat flock renameat2 link unlink statvfs mmap)
    target_link_options(unit_faults PRIVATE "-Wl,--wrap=${call}")
  endforeach()
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_cli orcio_cli
    unit/cli/cli_exit_code_test.cc
    unit/cli/cli_mount_helper_test.cc
    unit/cli/cli_options_test.cc
    unit/cli/cli_progress_test.cc
    unit/cli/cli_text_test.cc
  )
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_fusefs orcio_fusefs
    unit/fusefs/latest_pins_test.cc
    unit/fusefs/link_inside_test.cc
    unit/fusefs/mount_counters_test.cc
    unit/fusefs/mount_options_test.cc
    unit/fusefs/namespace_index_test.cc
    unit/fusefs/namespace_test.cc
    unit/fusefs/parallel_directories_test.cc
    unit/fusefs/read_ahead_test.cc
    unit/fusefs/repository_watch_test.cc
    unit/fusefs/settled_time_test.cc
  )
endif()

# Under ThreadSanitizer alone: what threads share, in a program that builds and runs within minutes.
if(ORCIO_SANITIZE STREQUAL "thread" AND NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_threads orcio_archiver PREFIX threads
    unit/archiver/run/archive_all_test.cc
    unit/index/archive/archive_reader_test.cc
    unit/index/archive/archive_writer_test.cc
    unit/index/archive/block_pool_test.cc
    unit/base/bounded_queue_test.cc
    unit/index/archive/foreign_rebuild_test.cc
    unit/index/archive/index_resume_test.cc
    unit/fusefs/latest_pins_test.cc
    unit/fusefs/namespace_index_test.cc
    unit/fusefs/namespace_test.cc
    unit/base/ordered_slots_test.cc
    unit/fusefs/read_ahead_test.cc
    unit/index/archive/rebuild_test.cc
    unit/index/archive/span_cache_test.cc
    unit/base/stage_group_test.cc
    unit/index/gzip/window_store_test.cc
  )
  target_link_libraries(unit_threads PRIVATE orcio_fusefs)
endif()
