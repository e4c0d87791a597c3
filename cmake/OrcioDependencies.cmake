# Everything orcio uses comes from Debian's packages; scripts/install-dependencies names them.

find_package(PkgConfig REQUIRED)
find_package(tl-expected REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(fmt REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(deflate REQUIRED IMPORTED_TARGET libdeflate)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(crypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)

if(NOT ORCIO_INDEX_ONLY)
  pkg_check_modules(ssh REQUIRED IMPORTED_TARGET libssh)
  pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)
  pkg_check_modules(fuse3 REQUIRED IMPORTED_TARGET fuse3)
  find_package(yaml-cpp REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
endif()

if(ORCIO_TESTS)
  # Debian 12 has Catch2 2.13, Debian 13 has 3: tests/support/catch.h hides the difference.
  find_package(Catch2 REQUIRED)
  include(Catch)
endif()
