# A package for Debian, by `cpack` in the build directory; scripts/package makes one to give to others.

set(ORCIO_PACKAGE_MAINTAINER "" CACHE STRING "Who answers for the package: Name <address>; empty: \$DEBFULLNAME and \$DEBEMAIL")
set(maintainer "${ORCIO_PACKAGE_MAINTAINER}")
if(NOT maintainer AND DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
  set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
elseif(NOT maintainer)
  set(maintainer "The maintainers of orcio <orcio@example.org>")
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME orcio)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "backups of docker-compose services that you can browse")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})

set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${maintainer}")
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Logs in to hosts over SSH, stops a service, streams its volumes home into a
plain tar.gz with an index beside it, and starts the service again, whatever
breaks on the way. Mounts all archives as directories, so that one file comes
back with cp; looks into them, compares and restores them without a mount.
.
The hosts need an SSH server, a shell and tar, and nothing of orcio.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# A mail-transport-agent: for `mail:`.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "bash-completion, ansible-core, default-mta | mail-transport-agent")
# fuse3: mounting as another user than root. openssh-client: keys, jump hosts, and what ~/.ssh/config means.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "fuse3, openssh-client")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${PROJECT_SOURCE_DIR}/scripts/debian/postinst
  ${PROJECT_SOURCE_DIR}/scripts/debian/prerm
  ${PROJECT_SOURCE_DIR}/scripts/debian/postrm)

# What only Debian has a place for.
string(TIMESTAMP ORCIO_PACKAGE_DATE "%a, %d %b %Y %H:%M:%S +0000" UTC)
set(ORCIO_PACKAGE_VERSION ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
set(ORCIO_PACKAGE_SIGNED_BY "${maintainer}")
configure_file(${PROJECT_SOURCE_DIR}/scripts/debian/changelog.in ${PROJECT_BINARY_DIR}/changelog.Debian @ONLY)
install(CODE "
  if(CMAKE_INSTALL_PREFIX MATCHES \"^(.*/)?usr$\")
    set(usr \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
    file(INSTALL \"${PROJECT_SOURCE_DIR}/scripts/debian/copyright\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/share/doc/orcio\"
      PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    # mount(8) looks for it there, also where fuse3, whose mount.fuse3 finds orcio by itself, is not installed.
    file(MAKE_DIRECTORY \"\${usr}/sbin\" \"\${usr}/share/man/man8\")
    file(CREATE_LINK ../bin/orcio \"\${usr}/sbin/mount.fuse.orcio\" SYMBOLIC)
    file(CREATE_LINK ../man1/orcio.1.gz \"\${usr}/share/man/man8/mount.fuse.orcio.8.gz\" SYMBOLIC)
    execute_process(COMMAND gzip -9nc \"${PROJECT_BINARY_DIR}/changelog.Debian\"
      OUTPUT_FILE \"\${usr}/share/doc/orcio/changelog.Debian.gz\" COMMAND_ERROR_IS_FATAL ANY)
    file(CHMOD \"\${usr}/share/doc/orcio/changelog.Debian.gz\" PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  endif()")

include(CPack)
