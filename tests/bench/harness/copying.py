"""Copying everything out of a mount, beside unpacking the archive."""

import hashlib
import shutil
import stat
from dataclasses import replace
from pathlib import Path
from typing import Callable

from harness.inputs import LARGE_FILE, Inputs, make_squashfs, make_tar, say, walk, write_list
from harness.mounts import ORCIO, Peer, drop_caches, mounted, peers
from harness.process import Failed, Usage, median_usage, output, run
from harness.report import Section, Table, at_most, seconds
from harness.settings import LARGER_FILE_BYTES, MB, Settings

UNPACK = "tar xf"
# What is put beside unpacking; the target's place is {}, what is copied is in the working directory. tar writes into
# a pipe: it reads no file where it sees that its archive is /dev/null.
WAYS = {
    "cp -a": [["cp", "-a", ".", "{}"]],
    "rsync -aHAX": [["rsync", "-aHAX", "./", "{}/"]],
    "tar c": [["tar", "--xattrs", "--acls", "-cf", "-", "."], ["cat"]],
}
LISTING = "%y %m %U %G %s %n %T@ %P %l\\n"


class Copies:
    """Of one tree, in turns, each with nothing in any cache."""

    def __init__(self, settings: Settings, top: Path, about: str):
        self.settings = settings
        self.top = top
        self.about = about
        self.target = settings.scratch / "copy"
        self.usages = {}  # by peer and way
        self.served = {}  # CPU seconds of the serving process likewise
        self.expected = listing(top)
        self.different = set()  # peers whose tree is another

    def run(self):
        sources = [peer for peer in peers(self.settings, self.top) if peer.reference or peer.name in (ORCIO, "squashfuse_ll")]
        for number in range(self.settings.size.long_rounds):
            self._unpack()
            for peer in sources:
                for way in WAYS:
                    say(f"copying {self.about}: {peer.name}, {way}, {number + 1} of {self.settings.size.long_rounds}")
                    self._copy(peer, way)

    def _unpack(self):
        command = [["tar", "--xattrs", "--acls", "-C", self.target, "-xpf", self.settings.archive]]
        self._add("archive", UNPACK, self._into_target(lambda: run(*command), "srv/bench"), 0)

    def _copy(self, peer: Peer, way: str):
        with mounted(peer, self.settings.mountpoint, self.settings.budget) as mount:
            before = mount.cpu()
            enter = ["env", "-C", mount.root]
            commands = [[str(self.target) + word[2:] if word[:2] == "{}" else word for word in words] for words in WAYS[way]]
            commands[0] = enter + commands[0]
            check = None if way == "tar c" else ""
            usage = self._into_target(lambda: run(*commands, allowed=(0, 1)), check, peer.name)
            self._add(peer.name, way, usage, mount.cpu() - before)

    def _into_target(self, copy: Callable[[], Usage], check, peer: str = ORCIO) -> Usage:
        """Compares what came with the tree, where `check` says below what it is; orcio's must be the same."""
        self.target.mkdir()
        try:
            drop_caches()
            output("rsync", "--version")
            output("tar", "--version")
            usage = copy()
            if check is not None and listing(self.target / check) != self.expected:
                if peer == ORCIO:
                    raise Failed(f"copying {self.about}: another tree has come out")
                self.different.add(peer)
            return usage
        finally:
            shutil.rmtree(self.target)

    def _add(self, peer: str, way: str, usage: Usage, served: float):
        self.usages.setdefault((peer, way), []).append(usage)
        self.served.setdefault((peer, way), []).append(served)

    def table(self) -> Table:
        alone = median_usage(self.usages["archive", UNPACK])
        rows = []
        for (peer, way), usages in self.usages.items():
            usage = median_usage(usages)
            cpu = usage.cpu + sorted(self.served[peer, way])[len(usages) // 2]
            rows.append([f"{peer}, {way}", seconds(usage.wall), seconds(cpu), f"{alone.wall / usage.wall:.2f} x"])
        return Table(f"{self.about}:", ["", "wall", "CPU, serving included", "speed of tar xf"], rows)

    def goal(self, least: float):
        alone = median_usage(self.usages["archive", UNPACK]).wall
        slowest = max(median_usage(self.usages[ORCIO, way]).wall for way in WAYS)
        what = f"{self.about}: copied out at no less than {least:.2f} x the speed of tar xf"
        return at_most(what, slowest / alone, 1 / least, f"{alone / slowest:.2f} x for the slowest way")

    def figures(self) -> dict:
        return {
            f"{peer}, {way}": [{**vars(usage), "served": served} for usage, served in zip(usages, self.served[peer, way])]
            for (peer, way), usages in self.usages.items()
        }


def listing(top: Path) -> str:
    """A digest of what find says of everything below `top`."""
    lines = output("find", top, "-mindepth", "1", "-not", "-type", "d", "-printf", LISTING).encode(errors="surrogateescape")
    return hashlib.sha256(b"\n".join(sorted(lines.split(b"\n")))).hexdigest()


def make_larger(settings: Settings, own: Settings, inputs: Inputs):
    """The files of the tree that are not small, as Inputs makes the whole."""
    top = own.tree / "srv/bench"
    top.mkdir(parents=True)
    for directory in (own.mountpoint, own.output(""), own.repository):
        directory.mkdir()
    chosen, total = [], 0
    for path, status in walk(inputs.top):
        larger = stat.S_ISREG(status.st_mode) and status.st_size >= LARGER_FILE_BYTES and status.st_nlink == 1
        if larger and total < own.size.larger_bytes and Path(path).name != LARGE_FILE:
            chosen.append(str(Path(path).relative_to(inputs.top)))
            total += status.st_size
    names = own.scratch / "larger_files"
    write_list(names, chosen)
    pack = ["tar", "-C", inputs.top, "--null", f"--files-from={names}", "-cf", "-"]
    run(pack, ["tar", "-C", top, "-xpf", "-"])
    make_tar(own.tree, ["srv/bench"], own.tar)
    make_squashfs(top, own.squashfs)
    run([own.program("bench_archive_stream"), own.repository, own.archive.name], stdin=own.tar)


def measure(settings: Settings, inputs: Inputs) -> Section:
    own = replace(settings, scratch=settings.scratch / "larger")
    if not own.archive.exists():
        say("copying: a tree of larger files")
        make_larger(settings, own, inputs)
    section = Section("Copying", "Everything out of the mount onto the disk, or into a pipe, beside unpacking the archive.")
    whole = f"the whole tree, {inputs.entries} entries"
    larger = f"{own.tar.stat().st_size / MB:.0f} MB of files of at least {LARGER_FILE_BYTES // 1024} KiB"
    for place, top, about, least in [
        (settings, inputs.top, whole, 1 / 3),
        (own, own.tree / "srv/bench", larger, 1.0),
    ]:
        copies = Copies(place, top, about)
        copies.run()
        section.tables.append(copies.table())
        section.goals.append(copies.goal(least))
        section.figures[about] = copies.figures()
        section.notes += [f"Not the same, {about}: {peer}." for peer in sorted(copies.different)]
    section.notes.append("What cp and rsync made is compared with the tree: types, modes, owners, sizes, links, times, names, targets.")
    return section
