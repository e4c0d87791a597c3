#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "fusefs/tree/listing.h"
#include "fusefs/tree/namespace.h"

namespace orcio::inline fusefs {

// What is above the archives: the root, a directory for each service, and in it the link to the
// newest archive.
class UpperDirectories {
 public:
  using Inode = Namespace::Inode;
  using Attributes = Namespace::Attributes;
  // As Namespace::List has it.
  using Add = std::function<bool(std::string_view name, const Attributes&, uint64_t next)>;

  static constexpr std::string_view kLatest = "latest";

  // The owner of all of them.
  UpperDirectories(uint32_t uid, uint32_t gid) : uid_(uid), gid_(gid) {}

  [[nodiscard]] Attributes Directory(Inode inode, Timestamp mtime, size_t links) const;
  [[nodiscard]] Attributes OfRoot(const Listing& listing) const;
  [[nodiscard]] Attributes OfService(const ServiceDirectory& service) const;
  [[nodiscard]] Attributes OfLatest(const ServiceDirectory& service) const;

  void ListRoot(const Listing& listing, uint64_t from, const Add& add) const;
  void ListService(const ServiceDirectory& service, uint64_t from, const Add& add) const;

 private:
  const uint32_t uid_;
  const uint32_t gid_;
};

}  // namespace orcio::inline fusefs
