#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "cli/shared/commands.h"
#include "fusefs/mount/mount.h"

namespace orcio::cli {
namespace {

constexpr const char* kDefaultMountpoint = "/backups";

struct UmountOptions {
  std::string mountpoint = kDefaultMountpoint;
  bool lazy = false;
};

bool MayNot(int mode, const std::filesystem::path& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), mode, AT_EACCESS) != 0 &&
         (errno == EACCES || errno == EPERM || errno == EROFS);
}

// Archives that something is the matter with: how many, and one of them.
struct SomeArchives {
  size_t count = 0;
  std::string first;
  void Add(const ArchiveFile& archive) {
    if (++count == 1) first = archive.path.string();
  }
};

// Whoever looks into an archive that cannot be read gets an errno. Who mounts is told more, while
// somebody listens.
void WarnOfUnreadable(const Context& context, const Repository& repository) {
  const auto archives = repository.List();
  if (!archives) return;  // mounting says so
  SomeArchives closed;
  SomeArchives without_index;
  for (const ArchiveFile& archive : *archives) {
    if (MayNot(R_OK, archive.path) || MayNot(R_OK, archive.sidecar)) {
      closed.Add(archive);
    } else if (!repository.files().Status(archive.sidecar) &&
               MayNot(W_OK, archive.sidecar.parent_path())) {
      without_index.Add(archive);
    }
  }
  const auto warn = [&](const SomeArchives& some, std::string_view what) {
    if (some.count == 0) return;
    context.Warn(fmt::format("{} of {} archives in {}, {} for one, {}", some.count,
                             archives->size(), repository.directory().string(), some.first, what));
  };
  warn(
      closed,
      "may not be read by you, or their indexes: looking into them will say \"Permission denied\"; "
      "mount as a user who may read them");
  warn(without_index,
       "have no index, and none can be made there: they cannot be looked into; name a directory "
       "for indexes with --index-dir");
}

ExitCode RunMount(const Context& context, const MountOptions& options) {
  const auto repository = context.OpenRepository();
  if (!repository) return context.Report(repository.error());
  WarnOfUnreadable(context, *repository);
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
