#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <exception>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "fusefs/archives/gave_up.h"
#include "fusefs/kernel/fuse.h"
#include "fusefs/kernel/mount_context.h"
#include "index/archive/read/archive_reader.h"

namespace orcio::inline fusefs {

// A request of the kernel's, to be answered once: by whoever handles it, or with EIO when it goes
// out of scope. Answering frees libfuse's request, so nothing is locked while doing it, and a
// second answer is a bug that is passed over.
class Request {
 public:
  explicit Request(fuse_req_t request) : request_(request) {}
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  [[nodiscard]] MountContext& context() const;
  // Not after the answer.
  [[nodiscard]] Caller caller() const;
  // Whether a signal has ended the wait of whoever made the request. Not after the answer.
  [[nodiscard]] GaveUp Interrupted() const {
    return [request = request_] { return fuse_req_interrupted(request) != 0; };
  }

  void Fail(int errnum);
  // Also logs what a mount's user sees as EIO only.
  void Fail(const Error& error);
  // An entry whose `ino` is 0 says for how long the name does not exist.
  void Entry(const fuse_entry_param& entry);
  void Attributes(const struct stat& attributes, double timeout);
  void Link(const std::string& target);
  // False if the open(2) was interrupted: there will be no release.
  [[nodiscard]] bool Opened(const fuse_file_info& file);
  void Content(const std::vector<Slice>& slices);
  void Bytes(std::span<const char> bytes);
  void AttributeBytes(size_t bytes);
  void FileSystem(const struct statvfs& status);
  void Position(uint64_t offset);
  void Done();

 private:
  // The request, which is answered with it.
  [[nodiscard]] fuse_req_t Take() { return std::exchange(request_, nullptr); }

  fuse_req_t request_;
};

// Runs `body` on `request`. Exceptions are bugs or exhausted memory; they end here.
template <class Body>
void Guarded(fuse_req_t request, const Body& body) {
  Request answered(request);
  auto& context = answered.context();
  context.last_use.Now();
  context.requests.fetch_add(1, std::memory_order_relaxed);
  try {
    body(answered);
  } catch (const std::bad_alloc&) {
    answered.Fail(ENOMEM);
  } catch (const std::exception& exception) {
    context.log(fmt::format("a bug, please report it: {}", exception.what()));
  }
}

}  // namespace orcio::inline fusefs
