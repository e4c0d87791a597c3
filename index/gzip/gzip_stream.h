#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "index/files/byte_source.h"
#include "index/inflate/inflater.h"

namespace orcio::inline index {

// Decodes a gzip file (RFC 1952) of any origin: one member or many, with whatever headers, and
// what may follow the last one. Treats it as gzip(1) does: zeros after the last member are
// nothing, anything else there is garbage and worth a warning. Not thread-safe.
class GzipStream {
 public:
  enum class Event {
    kFull,   // `out` has reached `out_end`
    kBlock,  // a block's header is next
    kEnd,    // nothing is left
  };

  // Where the decoder stands, in bits from the archive's first: those of its first byte are 0 to 7,
  // the lowest first.
  struct Position {
    uint64_t bit = 0;
    uint64_t block_bit = 0;  // where the header of the block it is in begins: `bit`, or before
  };

  // Whose CRC-32 or length contradicts what it decodes to.
  struct BadMember {
    uint64_t begin = 0;  // tar offsets
    uint64_t end = 0;
    std::string message;
  };

  // Where a stream stands between two calls of Run, the bytes decoded before apart. Nothing if
  // it has failed or ended.
  struct State {
    enum class At : uint8_t { kHeader, kBlocks, kTrailer };
    At at = At::kHeader;
    Position position;
    // Bytes of input at hand, from the position's on. Where a span ends between two symbols depends
    // on it: to end alike, another stream must be given as many first.
    uint64_t buffered = 0;
    uint64_t data_end = 0;
    bool any_member = false;
    uint64_t member_offset = 0;
    uint64_t member_begin = 0;
    uint64_t member_bytes = 0;
    uint32_t member_crc32 = 0;
    std::vector<BadMember> bad_members;
  };

  // Reads from the beginning of a member. `in` outlives the stream and can hold 64 KiB; `name` is
  // for messages.
  GzipStream(InputBuffer& in, std::string name);
  // Goes on in the middle of a member, with an inflater that stands where `in` begins. Checks no
  // member's CRC: whoever takes up at a checkpoint has one of his own.
  GzipStream(InputBuffer& in, std::string name, const Inflater& inflater, bool has_window);

  // Goes on where another one stood, of the same file: `in` begins at the byte of that position,
  // and `inflater` stands there, too.
  GzipStream(InputBuffer& in, std::string name, const State& state, const Inflater& inflater);
  [[nodiscard]] State Save() const;

  // Decodes from `out` on, moving it; up to Inflater::kSlack bytes after out_end are overwritten.
  // Bytes from `buffer` up to `out` are the last ones that were decoded, 32 KiB of them or all.
  // kDamaged, naming the offset, if this is no gzip any more; cut_short() then says whether the
  // file just ends; what was decoded up to there is in `out`.
  [[nodiscard]] Result<Event> Run(std::byte*& out, std::byte* out_end, const std::byte* buffer,
                                  const Inflater::Watch* watch = nullptr);

  [[nodiscard]] Position position() const;
  // After the last byte of deflate data read so far: if a member has ended, before its trailer.
  [[nodiscard]] uint64_t data_end() const { return data_end_; }
  [[nodiscard]] bool cut_short() const { return cut_short_; }
  // From which of the bytes that were decoded on no member's CRC has been looked at.
  [[nodiscard]] uint64_t checked_up_to() const {
    return state_ == Stage::kBlocks || state_ == Stage::kTrailer ? member_begin_
                                                                 : member_begin_ + member_bytes_;
  }
  [[nodiscard]] const std::vector<BadMember>& bad_members() const { return bad_members_; }
  // What followed the last member, as a sentence for people; empty if nothing but zeros did.
  [[nodiscard]] const std::string& garbage() const { return garbage_; }

 private:
  enum class Stage { kHeader, kBlocks, kTrailer, kEnd };

  [[nodiscard]] Result<void> ReadHeader();
  [[nodiscard]] Result<void> ReadTrailer();
  [[nodiscard]] Result<bool> IsAtMember();
  [[nodiscard]] Result<void> ReadTail();
  [[nodiscard]] Result<Inflater::Stop> Inflate(std::byte*& out, std::byte* out_end,
                                               const std::byte* buffer,
                                               const Inflater::Watch* watch);
  [[nodiscard]] Failure CutShort();

  InputBuffer& in_;
  const std::string name_;
  const bool checks_members_;
  const uint64_t begin_ = 0;     // where `in` began, of a stream that goes on
  const uint64_t at_first_ = 0;  // bytes that it is given first
  Stage state_ = Stage::kHeader;
  Inflater inflater_;
  uint64_t block_bit_ = 0;
  uint64_t data_end_ = 0;
  bool any_member_ = false;
  uint64_t member_offset_ = 0;  // in the archive
  uint64_t member_begin_ = 0;   // in what was decoded
  uint64_t member_bytes_ = 0;   // decoded of this member
  uint32_t member_crc32_ = 0;
  bool cut_short_ = false;
  std::vector<BadMember> bad_members_;
  std::string garbage_;
};

}  // namespace orcio::inline index
