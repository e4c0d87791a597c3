#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "archiver/host/remote_host.h"
#include "archiver/tar/remote_tar.h"
#include "base/error.h"
#include "index/files/byte_source.h"

namespace orcio::inline archiver {

// In a tar that HostTree takes: the directory that all is below, and the empty file that is its
// last entry. A tar that breaks off lacks the file, and no tar program says so by itself.
inline constexpr std::string_view kHostTreeRoot = "tree";
inline constexpr std::string_view kHostTreeMark = "whole";

// A shell function `unpack`, which has the host's tar unpack standard input where it stands.
// `by_name`: owners by the names in the tar, if the host knows them.
[[nodiscard]] std::string UnpackFunction(const RemoteTar& tar, bool by_name);
// What the host's tar does not restore, and what to do about it; empty if it restores all.
[[nodiscard]] std::string UnpackLosses(const RemoteTar& tar);
// What tar complained about without failing, at most 100 lines.
[[nodiscard]] std::vector<std::string> UnpackComplaints(const CommandResult& result);

struct VerifiedOnHost {
  uint64_t files = 0;                // that are as told
  std::vector<std::string> differs;  // what sha256sum says of others, at most 100 lines
};
// Has the host's sha256sum compare files below `directory` with `list`, its own "DIGEST  PATH"
// lines. kRemote if the host has none.
[[nodiscard]] Result<VerifiedOnHost> VerifyOnHost(RemoteHost& host, const std::string& directory,
                                                  std::string list, const std::stop_token& stop);

// A new directory on a host, made of a tar: there as a whole, or not at all.
class HostTree {
 public:
  // `directory` starts with a slash, or is a name in the login user's home directory.
  HostTree(std::unique_ptr<RemoteHost> host, std::string directory);

  // Looks at the place and at the host's tar, and changes nothing. kIo with EEXIST if something
  // is there that is not an empty directory, with ENOSPC if `bytes` do not fit; kNotFound if
  // there is no directory above it; kRemote if the login user cannot write there.
  [[nodiscard]] Result<void> Prepare(uint64_t bytes, const std::stop_token& stop);

  // After Prepare. Whether owners and devices can be restored.
  [[nodiscard]] bool as_root() const { return as_root_; }
  // Whether the host's tar passes over pax records (dump.h, `plain`).
  [[nodiscard]] bool plain() const { return tar_.kind == RemoteTar::Kind::kBusybox; }
  [[nodiscard]] std::string Losses() const { return UnpackLosses(tar_); }

  // Has the host's tar unpack `tar` under a hidden name beside the place, and gives it its own once
  // all of it is there and on the disk; else removes it. `by_name`: owners by the names in the tar,
  // if the host knows them. Returns what tar complained about without failing, at most 100
  // lines. kRemote if it failed, with what it said; kIo with EEXIST if the place is taken by
  // now; the source's error.
  [[nodiscard]] Result<std::vector<std::string>> Unpack(ByteSource& tar, bool by_name,
                                                        const std::stop_token& stop);

  // Files of the place, see VerifyOnHost.
  [[nodiscard]] Result<VerifiedOnHost> Verify(std::string list, const std::stop_token& stop);

  // "HOST:DIRECTORY", for people.
  [[nodiscard]] std::string place() const { return host_->name() + ":" + directory_; }

 private:
  [[nodiscard]] std::string Command(const char* script) const;
  [[nodiscard]] Failure Taken() const;
  [[nodiscard]] Result<void> CheckRoom(const std::string& kib, uint64_t bytes) const;

  const std::unique_ptr<RemoteHost> host_;
  const std::string directory_;
  const std::string part_;  // the hidden name
  RemoteTar tar_;
  bool as_root_ = false;
};

// What `text` names on a host, as HostTree takes it: without slashes at its end. kInvalid if it
// does not start with a slash, or cannot be a new directory: "/", or one that ends in "..".
[[nodiscard]] Result<std::string> HostDirectory(std::string text);

}  // namespace orcio::inline archiver
