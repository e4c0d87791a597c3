#include <memory>

#include "cli/commands.h"
#include "fusefs/mount.h"

namespace orcio::cli {
namespace {

constexpr const char* kDefaultMountpoint = "/backups";

struct UmountOptions {
  std::string mountpoint = kDefaultMountpoint;
  bool lazy = false;
};

ExitCode RunMount(const Context& context, const MountOptions& options) {
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  const auto mounted = Mount(*repository, options);
  return mounted ? kDone : context.Report(mounted.error());
}

}  // namespace

Command AddMount(CLI::App& app, const Context& context) {
  auto options = std::make_shared<MountOptions>();
  options->mountpoint = kDefaultMountpoint;
  app.add_option("MOUNTPOINT", options->mountpoint, "Where to mount")->capture_default_str();
  app.add_flag("-f,--foreground", options->foreground, "Stay until unmounted");
  // One argument each time, however often: what follows may be the mountpoint.
  app.add_option_function<std::string>(
         "-o", [options](const std::string& words) { options->fuse_options.push_back(words); },
         "Options as in fstab, e.g. cache_size=1G,allow_other")
      ->trigger_on_parse();
  return [&context, options] { return RunMount(context, *options); };
}

Command AddUmount(CLI::App& app, const Context& context) {
  auto options = std::make_shared<UmountOptions>();
  app.add_option("MOUNTPOINT", options->mountpoint, "Where it is mounted")->capture_default_str();
  app.add_flag("-l,--lazy", options->lazy,
               "Also while files are open: they stay readable until they are closed");
  return [&context, options] {
    const auto unmounted = Unmount(options->mountpoint, options->lazy);
    return unmounted ? kDone : context.Report(unmounted.error());
  };
}

}  // namespace orcio::cli
