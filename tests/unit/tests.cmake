orcio_unit_tests(unit_index orcio_index
  APART inflater_test foreign_rebuild_test archive_assembler_test tar_dialects_test member_damage_test
  SOURCES
  unit/archive_assembler_test.cc
  unit/archive_name_test.cc
  unit/archive_reader_test.cc
  unit/archive_state_test.cc
  unit/archive_tree_test.cc
  unit/archive_writer_test.cc
  unit/block_pool_test.cc
  unit/bounded_queue_test.cc
  unit/file_system_test.cc
  unit/foreign_damage_test.cc
  unit/foreign_rebuild_test.cc
  unit/gzip_member_test.cc
  unit/gzip_stream_test.cc
  unit/inflater_test.cc
  unit/leftovers_test.cc
  unit/like_gnu_tar_test.cc
  unit/member_damage_test.cc
  unit/ordered_slots_test.cc
  unit/pax_records_test.cc
  unit/posix_acl_test.cc
  unit/power_loss_test.cc
  unit/rebuild_test.cc
  unit/repack_test.cc
  unit/repository_test.cc
  unit/retention_test.cc
  unit/run_facts_test.cc
  unit/scratch_memory_test.cc
  unit/sha256_test.cc
  unit/sidecar_format_test.cc
  unit/sidecar_malformed_test.cc
  unit/sidecar_place_test.cc
  unit/sidecar_test.cc
  unit/span_cache_test.cc
  unit/stage_group_test.cc
  unit/tar_damage_test.cc
  unit/tar_dialects_test.cc
  unit/tar_fixtures_test.cc
  unit/tar_scanner_test.cc
  unit/tree_listing_test.cc
  unit/window_store_test.cc
  unit/verify_test.cc
)

orcio_unit_tests(unit_retrieve orcio_retrieve
  unit/glob_test.cc
  unit/plain_tar_header_test.cc
  unit/search_test.cc
  unit/search_words_test.cc
  unit/suggestion_test.cc
  unit/text_diff_test.cc
)

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_archiver orcio_archiver
    APART service_run_test swap_script_test wire_test lying_host_test remote_tar_test
    SOURCES
    unit/archive_all_test.cc
    unit/command_control_test.cc
    unit/command_frame_test.cc
    unit/compose_control_test.cc
    unit/docker_test.cc
    unit/framed_host_test.cc
    unit/hook_test.cc
  unit/host_time_test.cc
    unit/in_place_test.cc
    unit/config_test.cc
    unit/control_memory_test.cc
    unit/discreet_text_test.cc
    unit/known_hosts_test.cc
    unit/listing_file_test.cc
    unit/local_host_test.cc
    unit/lying_host_test.cc
    unit/mail_test.cc
    unit/moved_files_test.cc
    unit/pause_control_test.cc
    unit/ping_test.cc
    unit/remote_listing_test.cc
    unit/remote_tar_test.cc
    unit/remote_tar_verdict_test.cc
    unit/recover_test.cc
    unit/repository_lock_test.cc
    unit/run_estimate_test.cc
    unit/run_journal_test.cc
    unit/run_telling_test.cc
    unit/service_run_test.cc
    unit/safe_text_test.cc
    unit/shell_quote_test.cc
    unit/ssh_client_words_test.cc
    unit/ssh_command_test.cc
    unit/ssh_dial_test.cc
    unit/ssh_mux_test.cc
    unit/ssh_settings_test.cc
    unit/stall_limit_test.cc
    unit/sudo_advice_test.cc
    unit/swap_script_test.cc
    unit/systemd_control_test.cc
    unit/volume_check_test.cc
    unit/wire_test.cc
  )
  # Guards wait for silence, precopy for files to be at rest.
  orcio_unit_tests(unit_guard orcio_archiver WAITS unit/guard_test.cc unit/service_run_guard_test.cc)
  orcio_unit_tests(unit_precopy orcio_archiver WAITS
    unit/precopy_kept_test.cc
    unit/precopy_power_loss_test.cc
    unit/precopy_test.cc
  )
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_faults orcio_archiver unit/system_faults_test.cc support/system_faults.cc)
  orcio_unit_tests(unit_memory orcio_archiver unit/out_of_memory_test.cc support/failing_allocations.cc)
  # Calls of these go through support/system_faults.cc.
  foreach(call open pread pwrite fsync fchmod fstat flock renameat2 link unlink statvfs mmap)
    target_link_options(unit_faults PRIVATE "-Wl,--wrap=${call}")
  endforeach()
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_cli orcio_cli
    unit/cli_exit_code_test.cc
    unit/cli_mount_helper_test.cc
    unit/cli_options_test.cc
    unit/cli_progress_test.cc
    unit/cli_text_test.cc
  )
endif()

if(NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_fusefs orcio_fusefs
    unit/latest_pins_test.cc
    unit/link_inside_test.cc
    unit/mount_counters_test.cc
    unit/mount_options_test.cc
    unit/namespace_test.cc
    unit/parallel_directories_test.cc
    unit/read_ahead_test.cc
    unit/repository_watch_test.cc
    unit/settled_time_test.cc
  )
endif()

# Under ThreadSanitizer alone: what threads share, in a program that builds and runs within minutes.
if(ORCIO_SANITIZE STREQUAL "thread" AND NOT ORCIO_INDEX_ONLY)
  orcio_unit_tests(unit_threads orcio_archiver PREFIX threads
    unit/archive_all_test.cc
    unit/archive_reader_test.cc
    unit/archive_writer_test.cc
    unit/block_pool_test.cc
    unit/bounded_queue_test.cc
    unit/foreign_rebuild_test.cc
    unit/latest_pins_test.cc
    unit/namespace_test.cc
    unit/ordered_slots_test.cc
    unit/read_ahead_test.cc
    unit/rebuild_test.cc
    unit/span_cache_test.cc
    unit/stage_group_test.cc
    unit/window_store_test.cc
  )
  target_link_libraries(unit_threads PRIVATE orcio_fusefs)
endif()
