#include "fusefs/kernel/parallel_directories.h"

#include <linux/fuse.h>

#include <array>

#include "tests/support/catch.h"

namespace orcio {
namespace {

// A message that libfuse sends to the kernel, of a header and one piece.
struct Message {
  fuse_out_header header{};
  fuse_init_out init{};
  std::array<iovec, 2> pieces{iovec{&header, sizeof(header)}, iovec{&init, sizeof(init)}};

  explicit Message(uint64_t unique) {
    header.unique = unique;
    init.flags = FUSE_ASYNC_READ;
  }
  uint32_t FlagsAfter(ParallelDirectories& directories, int count = 2) {
    directories.Patch(pieces.data(), count);
    return init.flags;
  }
};

}  // namespace

TEST_CASE(
    "The answer to the kernel's first question has the flag for parallel looks, no other has") {
  ParallelDirectories directories;
  CHECK(Message(1).FlagsAfter(directories) == FUSE_ASYNC_READ);  // not wanted
  directories.Want();
  CHECK(Message(0).FlagsAfter(directories) == FUSE_ASYNC_READ);  // a notice
  CHECK(Message(2).FlagsAfter(directories, 1) == FUSE_ASYNC_READ);
  Message failed(2);
  failed.header.error = -EIO;
  CHECK(failed.FlagsAfter(directories) == FUSE_ASYNC_READ);
  Message brief(2);
  brief.pieces[1].iov_len = 15;
  CHECK(brief.FlagsAfter(directories) == FUSE_ASYNC_READ);
  CHECK(Message(2).FlagsAfter(directories) == (FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS));
  CHECK(Message(4).FlagsAfter(directories) == FUSE_ASYNC_READ);
}

}  // namespace orcio
