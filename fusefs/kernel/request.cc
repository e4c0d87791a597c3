#include "fusefs/kernel/request.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>

#include <climits>

namespace orcio::inline fusefs {
namespace {

std::vector<std::byte> Joined(const std::vector<Slice>& slices) {
  std::vector<std::byte> joined;
  for (const Slice& slice : slices)
    joined.insert(joined.end(), slice.bytes.begin(), slice.bytes.end());
  return joined;
}

}  // namespace

Request::~Request() {
  if (request_ != nullptr) Fail(EIO);
}

MountContext& Request::context() const {
  return *static_cast<MountContext*>(fuse_req_userdata(request_));
}

Caller Request::caller() const {
  const fuse_ctx& caller = *fuse_req_ctx(request_);
  return {caller.pid, caller.uid, caller.gid};
}

void Request::Fail(int errnum) {
  if (request_ != nullptr) fuse_reply_err(Take(), errnum);
}

void Request::Fail(const Error& error) {
  if (request_ == nullptr) return;
  const int errnum = ToErrno(error);
  if (errnum == EIO) context().log(error.message);
  Fail(errnum);
}

void Request::Entry(const fuse_entry_param& entry) {
  if (request_ != nullptr) fuse_reply_entry(Take(), &entry);
}

void Request::Attributes(const struct stat& attributes, double timeout) {
  if (request_ != nullptr) fuse_reply_attr(Take(), &attributes, timeout);
}

void Request::Link(const std::string& target) {
  if (request_ != nullptr) fuse_reply_readlink(Take(), target.c_str());
}

bool Request::Opened(const fuse_file_info& file) {
  return request_ != nullptr && fuse_reply_open(Take(), &file) == 0;
}

void Request::Content(const std::vector<Slice>& slices) {
  if (request_ == nullptr) return;
  // writev(2) takes IOV_MAX pieces, of which libfuse needs one: only a file with holes every few
  // hundred bytes has more.
  if (slices.size() >= IOV_MAX) {
    const std::vector<std::byte> joined = Joined(slices);
    fuse_reply_buf(Take(), reinterpret_cast<const char*>(joined.data()), joined.size());
    return;
  }
  std::array<iovec, 16> few;
  std::vector<iovec> many(slices.size() > few.size() ? slices.size() : 0);
  iovec* const pieces = many.empty() ? few.data() : many.data();
  for (size_t i = 0; i < slices.size(); ++i) {
    const auto& bytes = slices[i].bytes;
    pieces[i] = {const_cast<std::byte*>(bytes.data()), bytes.size()};
  }
  fuse_reply_iov(Take(), pieces, static_cast<int>(slices.size()));
}

void Request::Bytes(std::span<const char> bytes) {
  if (request_ != nullptr) fuse_reply_buf(Take(), bytes.data(), bytes.size());
}

void Request::AttributeBytes(size_t bytes) {
  if (request_ != nullptr) fuse_reply_xattr(Take(), bytes);
}

void Request::FileSystem(const struct statvfs& status) {
  if (request_ != nullptr) fuse_reply_statfs(Take(), &status);
}

void Request::Position(uint64_t offset) {
  if (request_ != nullptr) fuse_reply_lseek(Take(), static_cast<off_t>(offset));
}

void Request::Done() {
  Fail(0);
}

}  // namespace orcio::inline fusefs
