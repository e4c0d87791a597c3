#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "archiver/ssh/client/ssh_mux.h"
#include "base/error.h"
#include "base/threads/patience.h"
#include "base/unique_fd.h"

namespace orcio::inline archiver {

// A line to an ssh(1) that shares its connection, for one command. Whatever it was asked for is
// given up when this goes out of scope.
class SshMuxLine {
 public:
  // Greetings are exchanged. kNetwork if nobody answers at that socket: then ssh has ended.
  [[nodiscard]] static Result<SshMuxLine> Open(const std::string& socket, const Patience& patience);

  [[nodiscard]] Result<void> Send(std::string_view bytes, const Patience& patience);
  // The other side gets a copy of the descriptor.
  [[nodiscard]] Result<void> SendFile(int fd, const Patience& patience);

  // Readable if a message, or the end, is there to be taken.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // A message that has come; nothing if none has.
  [[nodiscard]] Result<std::optional<MuxMessage>> Next();
  // One that came along with the last; nothing if none did. fd() does not tell of it.
  [[nodiscard]] Result<std::optional<MuxMessage>> Received() { return TakeMuxMessage(received_); }
  // Waits for a message. kNetwork if the other side ends before that.
  [[nodiscard]] Result<MuxMessage> Await(const Patience& patience);
  // Nothing more will come.
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  explicit SshMuxLine(UniqueFd fd) : fd_(std::move(fd)) {}
  [[nodiscard]] Result<void> Receive();

  UniqueFd fd_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace orcio::inline archiver
