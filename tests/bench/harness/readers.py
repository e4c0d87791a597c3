"""Several readers at once, each of another archive."""

import os
import shutil
from pathlib import Path

from harness.inputs import LARGE_FILE, Inputs, say
from harness.mounts import ORCIO, Mounted, Peer, drop_caches, mounted
from harness.process import median_usage, output, run
from harness.report import Section, Table, at_most, seconds
from harness.settings import MB, READERS, Settings

ONE_AFTER_ANOTHER, TOGETHER = "one after another", "all at once"


def measure(settings: Settings, inputs: Inputs) -> Section:
    about = f"{READERS} readers, each of the large file ({settings.size.large_bytes / MB:.0f} MB) in an archive of its own."
    section = Section("Readers", about)
    directory = settings.scratch / "readers"
    directory.mkdir(mode=0o700)
    try:
        usages, waits = read(settings, repository(settings, directory))
    finally:
        shutil.rmtree(directory)
    rows = []
    for how, measured in usages.items():
        usage = median_usage(used for used, _ in measured)
        served = sorted(cpu for _, cpu in measured)[len(measured) // 2]
        rows.append([how, seconds(usage.wall), seconds(usage.cpu), seconds(served)])
    headers = ["", "wall", "CPU of the readers", "CPU of orcio"]
    section.tables.append(Table("Nothing in any cache at first:", headers, rows))
    walls = {how: median_usage(used for used, _ in measured).wall for how, measured in usages.items()}
    ratio = walls[TOGETHER] / walls[ONE_AFTER_ANOTHER]
    section.goals = [at_most("readers of different archives do not wait for each other", ratio, 1.1, f"{ratio:.2f} x")]
    section.figures = {
        how: [{**vars(used), "served": cpu} for used, cpu in measured] for how, measured in usages.items()
    }
    section.figures["waits for another's decode"] = waits
    return section


def repository(settings: Settings, directory: Path) -> Path:
    """The archive under so many names: hard links, but to orcio archives like any others."""
    for number in range(READERS):
        name = f"bench-2026-11-{number + 1:02}T020000Z.tar.gz"
        os.link(settings.archive, directory / name)
        os.link(settings.sidecar, directory / f"{name}.idx")
    return directory


def read(settings: Settings, directory: Path) -> tuple:
    peer = Peer(ORCIO, [settings.orcio, "-r", directory, "mount", "{}"], Path("bench"), (settings.orcio, "umount", "{}"))
    scripts = {
        ONE_AFTER_ANOTHER: 'for file; do md5sum "$file" >/dev/null || exit 1; done',
        TOGETHER: 'for file; do md5sum "$file" >/dev/null & done; wait',
    }
    usages, waits = {}, []
    for number in range(settings.size.short_rounds):
        for how, script in scripts.items():
            say(f"readers: {how}, {number + 1} of {settings.size.short_rounds}")
            with mounted(peer, settings.mountpoint, settings.budget) as mount:
                usages.setdefault(how, []).append(timed(mount, script))
                waits.append(mount.counters()["waits"])
    return usages, waits


def timed(mount: Mounted, script: str) -> tuple:
    files = sorted(mount.root.glob(f"2026-*/srv/bench/{LARGE_FILE}"))
    drop_caches()
    output("md5sum", "/dev/null")
    before = mount.cpu()
    used = run(["sh", "-c", script, "sh", *files])
    return used, mount.cpu() - before
