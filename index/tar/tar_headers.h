#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/tar/pax_records.h"
#include "index/tar/tar_block.h"
#include "index/tar/tar_report.h"
#include "index/tar/tar_scan_state.h"
#include "index/tar/tar_stream.h"

namespace orcio::inline index {

// All headers of one entry.
struct TarHeaders {
  uint64_t offset = 0;                     // in the tar, of the first of them
  TarBlock block;                          // the entry's own
  PaxValues pax;                           // of global and of its own extended headers
  std::optional<std::string> long_name;    // GNU's 'L'
  std::optional<std::string> long_target;  // GNU's 'K'
  std::optional<std::string> solaris_acl;  // Solaris' 'A'
  bool after_pax = false;                  // the tar has had extended headers

  // Bytes of content stored, a sparse file's map included.
  [[nodiscard]] uint64_t stored_bytes() const {
    return pax.stored_bytes.value_or(block.Size().value_or(0));
  }
};

// Reads the headers of a tar, entry by entry, and finds the next ones if some make no sense.
// Whoever calls it passes an entry's content. Not thread-safe.
class TarHeaderReader {
 public:
  // An entry's headers may take this many bytes: they are held in memory.
  static constexpr uint64_t kMaxHeaderBytes = uint64_t{16} << 20;
  // What has no header up to here is no tar.
  static constexpr uint64_t kMaxBytesBeforeTar = uint64_t{1} << 20;

  // Both outlive the reader.
  TarHeaderReader(TarStream& stream, TarReport& report) : stream_(stream), report_(report) {}

  // The next entry's headers; the stream stands after them. Nothing at the end-of-archive marker,
  // where the stream stands before it, and at the end of the stream. kDamaged if it is no tar.
  [[nodiscard]] Result<std::optional<TarHeaders>> Next();

  // Between two entries, what counts of those before; and for a reader that goes on there.
  [[nodiscard]] TarHeadersSoFar Save() const;
  void GoOn(const TarHeadersSoFar& so_far);

  [[nodiscard]] bool had_header() const { return had_header_; }
  // Whether the tar ended before its end-of-archive marker and not between two entries.
  [[nodiscard]] bool cut_short() const { return cut_short_; }
  // After the last header that stands for itself, a volume's name or a global one.
  [[nodiscard]] uint64_t end_of_lone_headers() const { return end_of_lone_headers_; }

 private:
  enum class Found { kHeader, kEnd };

  Result<Found> FindHeader(TarBlock& block);
  Result<void> PassDamage(const TarBlock& block);
  // Whether `block` is an extension, which it has then taken with its body.
  Result<bool> TakeExtension(const TarBlock& block, uint64_t offset);
  void TakeBody(char type, std::string&& body, uint64_t offset);
  Result<std::optional<TarHeaders>> Entry(const TarBlock& block);
  void ForgetExtensions();

  TarStream& stream_;
  TarReport& report_;
  TarBlock first_block_;
  PaxValues globals_;
  std::optional<std::string> global_records_;  // that they come from
  bool had_pax_ = false;
  bool had_header_ = false;
  bool searching_ = false;  // for a header, blindly
  bool cut_short_ = false;
  uint64_t end_of_lone_headers_ = 0;

  // What has come for the next entry.
  TarHeaders pending_;
  std::optional<std::string> pending_records_;  // of the last extended header
  uint64_t pending_bytes_ = 0;
  bool is_pending_ = false;
  bool is_lost_ = false;  // some of it could not be read
};

}  // namespace orcio::inline index
