#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "index/archive/read/archive_reader.h"
#include "index/sidecar/read/sidecar.h"

namespace orcio::test {

// What one line of an mtree(5) listing says, as `bsdtar -cf - --format=mtree @archive` writes it:
// "./name type=file mode=644 uid=0 gid=0 time=1.5 size=3 sha256digest=...".
struct MtreeLine {
  std::map<std::string, std::string> words;
};

// The lines of a listing by path, without the leading "./"; the last of a path counts, as it does
// for tar. Names are decoded.
[[nodiscard]] std::map<std::string, MtreeLine> ParseMtree(std::string_view text);

struct MtreeOptions {
  // Read no content of files larger than this: an oracle's digest of a huge hole takes long.
  uint64_t max_read = uint64_t{1} << 30;
  // Paths whose last entry is a hard link: a listing has what stands in its header, which for tar
  // says nothing.
  std::set<std::string> hard_links;
};

// How the tree of an archive, read back through `reader`, differs from a listing, one line each,
// for people; empty if it does not.
[[nodiscard]] std::string DiffFromMtree(const ArchiveReader& reader, std::string_view mtree,
                                        const MtreeOptions& options = {});

// SHA-256, in hexadecimal, of a file up to `end` as the reader hands it out.
[[nodiscard]] Result<std::string> ReadDigest(const ArchiveReader& reader, const NodeInfo& file,
                                             uint64_t end);

}  // namespace orcio::test
