#pragma once

#include <string_view>

#include "archiver/config/config.h"

namespace orcio::inline archiver {

// As the configuration has them.
[[nodiscard]] constexpr std::string_view NameOf(ControlKind kind) {
  switch (kind) {
    case ControlKind::kCompose:
      return "compose";
    case ControlKind::kSystemd:
      return "systemd";
    case ControlKind::kCommands:
      return "commands";
    case ControlKind::kNone:
      break;
  }
  return "none";
}

[[nodiscard]] constexpr std::string_view NameOf(Mode mode) {
  switch (mode) {
    case Mode::kPrecopy:
      return "precopy";
    case Mode::kPause:
      return "pause";
    case Mode::kLive:
      return "live";
    case Mode::kStop:
      break;
  }
  return "stop";
}

[[nodiscard]] constexpr std::string_view NameOf(Wire wire) {
  switch (wire) {
    case Wire::kAuto:
      return "auto";
    case Wire::kGzip:
      return "gzip";
    case Wire::kZstd:
      return "zstd";
    case Wire::kNone:
      break;
  }
  return "none";
}

}  // namespace orcio::inline archiver
