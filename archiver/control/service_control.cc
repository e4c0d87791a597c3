#include "archiver/control/service_control.h"

#include "archiver/control/command_control.h"
#include "archiver/control/compose_control.h"
#include "archiver/control/pause_control.h"
#include "archiver/control/systemd_control.h"

namespace orcio::inline archiver {

std::unique_ptr<ServiceControl> MakeServiceControl(const ServiceConfig& service) {
  if (service.mode == Mode::kLive) return std::make_unique<NoControl>();
  switch (service.control) {
    case ControlKind::kCompose:
      if (service.mode == Mode::kPause) return std::make_unique<PauseControl>(service);
      return std::make_unique<ComposeControl>(service);
    case ControlKind::kSystemd:
      return std::make_unique<SystemdControl>(service);
    case ControlKind::kCommands:
      return std::make_unique<CommandControl>(service);
    case ControlKind::kNone:
      break;
  }
  return std::make_unique<NoControl>();
}

}  // namespace orcio::inline archiver
