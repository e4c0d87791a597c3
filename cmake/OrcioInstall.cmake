# What `cmake --install` puts where, below /usr/local, and below /usr in the package.

# The package is made of a build directory's program as it is: `cpack` builds nothing, in a directory of tests least of all.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# orcio_install_gzipped(FILE DESTINATION): as FILE.gz, without a name or a time in it.
function(orcio_install_gzipped file destination)
  cmake_path(GET file FILENAME name)
  install(CODE "
    set(directory \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${destination}\")
    file(MAKE_DIRECTORY \"\${directory}\")
    message(STATUS \"Installing: \${directory}/${name}.gz\")
    execute_process(COMMAND gzip -9nc \"${file}\" OUTPUT_FILE \"\${directory}/${name}.gz\" COMMAND_ERROR_IS_FATAL ANY)
    file(CHMOD \"\${directory}/${name}.gz\" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)")
endfunction()

install(TARGETS orcio RUNTIME DESTINATION bin)
orcio_install_gzipped(${PROJECT_SOURCE_DIR}/docs/man/orcio.1 share/man/man1)
orcio_install_gzipped(${PROJECT_SOURCE_DIR}/docs/man/orcio.yaml.5 share/man/man5)

install(FILES
  ${PROJECT_SOURCE_DIR}/scripts/systemd/backups.automount
  ${PROJECT_SOURCE_DIR}/scripts/systemd/backups.mount
  ${PROJECT_SOURCE_DIR}/scripts/systemd/orcio-archive.service
  ${PROJECT_SOURCE_DIR}/scripts/systemd/orcio-archive.timer
  ${PROJECT_SOURCE_DIR}/scripts/systemd/orcio-recover.service
  DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/scripts/systemd/plocate-updatedb.conf
  DESTINATION lib/systemd/system/plocate-updatedb.service.d RENAME orcio.conf)

install(FILES ${PROJECT_SOURCE_DIR}/scripts/completions/orcio.bash
  DESTINATION share/bash-completion/completions RENAME orcio)
install(FILES ${PROJECT_SOURCE_DIR}/scripts/completions/orcio.fish DESTINATION share/fish/vendor_completions.d)
# Where zsh looks below /usr/local, and Debian's below /usr.
install(CODE "
  set(directory share/zsh/site-functions)
  if(CMAKE_INSTALL_PREFIX MATCHES \"^(.*/)?usr$\")
    set(directory share/zsh/vendor-completions)
  endif()
  file(INSTALL \"${PROJECT_SOURCE_DIR}/scripts/completions/orcio.zsh\"
    DESTINATION \"\${CMAKE_INSTALL_PREFIX}/\${directory}\" RENAME _orcio)")

# To be copied to hosts: nothing on this machine runs it.
install(PROGRAMS ${PROJECT_SOURCE_DIR}/scripts/orcio-host DESTINATION share/orcio)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/scripts/ansible DESTINATION share/orcio)

install(FILES
  ${PROJECT_SOURCE_DIR}/README.md
  ${PROJECT_SOURCE_DIR}/SECURITY.md
  ${PROJECT_SOURCE_DIR}/docs/administrator.md
  ${PROJECT_SOURCE_DIR}/docs/comparison.md
  ${PROJECT_SOURCE_DIR}/docs/tutorial.md
  ${PROJECT_SOURCE_DIR}/index/FORMAT.md
  DESTINATION share/doc/orcio)
install(FILES
  ${PROJECT_SOURCE_DIR}/scripts/orcio.example.yaml
  ${PROJECT_SOURCE_DIR}/scripts/examples/orcio.cron
  ${PROJECT_SOURCE_DIR}/scripts/examples/orcio.sudoers
  DESTINATION share/doc/orcio/examples)
