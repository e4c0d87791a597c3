#pragma once

// libfuse's low-level interface, in the version that all of fusefs/ is written for: 3.12 brought
// the loop configuration that Debian 12 (3.14) and 13 (3.17) share.
#define FUSE_USE_VERSION 312
#include <fuse3/fuse_lowlevel.h>  // IWYU pragma: export
