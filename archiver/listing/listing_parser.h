#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "archiver/listing/host_listing.h"
#include "archiver/listing/remote_listing.h"
#include "base/byte_sink.h"

namespace orcio::inline archiver {

// Takes in what a host lists (remote_listing.cc has the commands), as it comes. Everything in it is
// the host's word: kRemote if it makes no sense. Not thread-safe.
class ListingParser : public ByteSink {
 public:
  struct Ended {
    HostClock begun;
    HostClock ended;
    int find_status = 0;
  };

  // `host` is for messages. Both outlive this.
  ListingParser(ListingTool::Kind kind, const std::string& host, HostListing& into)
      : kind_(kind), host_(host), into_(into) {}

  [[nodiscard]] Result<std::span<std::byte>> Buffer() override { return std::span(buffer_); }
  [[nodiscard]] Result<void> Commit(size_t bytes) override;
  // kRemote if the list has no end.
  [[nodiscard]] Result<Ended> Finish() const;

 private:
  Result<void> TakeRecord(std::string_view record);
  Result<void> TakeClock(std::string_view record);
  Result<void> TakeFound(std::string_view record);
  Result<void> TakeStated(std::string_view block);
  Result<void> TakeFile(std::string_view path, const HostFile& file);
  [[nodiscard]] Failure Senseless(std::string_view record) const;

  const ListingTool::Kind kind_;
  const std::string& host_;
  HostListing& into_;
  std::array<std::byte, 65536> buffer_{};
  std::string partial_;  // of a record whose end has not come
  bool begun_ = false;
  bool ended_ = false;
  Ended result_;
};

}  // namespace orcio::inline archiver
