"""A directory of very many names."""

from dataclasses import replace

from harness.inputs import Inputs, make_squashfs, make_tar, say
from harness.mounting import Bench, beside, cpu_table, wall_table
from harness.mounts import ORCIO, Mounted, peers
from harness.process import run
from harness.report import Section
from harness.settings import Settings

NAMES, NAMES_AGAIN, LONG, LONG_AGAIN = "ls -f", "ls -f, again", "ls -l", "ls -l, again"


class Names(Bench):
    def __init__(self, settings: Settings, inputs: Inputs):
        top = settings.tree / "srv/bench"
        names = [peer for peer in peers(settings, top) if peer.reference or peer.name in (ORCIO, "squashfuse_ll")]
        super().__init__(settings, inputs, names, "names")
        self.steps = (self._names, self._long)

    def _names(self, mount: Mounted):
        for what in (NAMES, NAMES_AGAIN):
            self._count(mount, what, ["ls", "-f", mount.root])

    def _long(self, mount: Mounted):
        """Sorted by nothing, with numbers for users: what is measured is the file system."""
        for what in (LONG, LONG_AGAIN):
            self._count(mount, what, ["ls", "-nU", mount.root])

    def _count(self, mount: Mounted, what: str, command: list):
        lines = self._timed(mount, what, command).read_bytes().count(b"\n")
        self._compare(mount, f"lines of {what}", lines)


def make(settings: Settings):
    """As Inputs makes the tree, of empty files in one directory."""
    top = settings.tree / "srv/bench"
    top.mkdir(parents=True)
    for directory in (settings.mountpoint, settings.output(""), settings.repository):
        directory.mkdir()
    for number in range(settings.size.names):
        (top / f"a file with a number, {number:06}").touch()
    make_tar(settings.tree, ["srv/bench"], settings.tar)
    make_squashfs(top, settings.squashfs)
    stream = [settings.program("bench_archive_stream"), settings.repository, settings.archive.name]
    run(stream, stdin=settings.tar)


def measure(settings: Settings, inputs: Inputs) -> Section:
    own = replace(settings, scratch=settings.scratch / "names")
    if not own.archive.exists():
        say(f"names: {own.size.names} files in one directory")
        make(own)
    bench = Names(own, inputs)
    bench.run()
    columns = [NAMES, NAMES_AGAIN, LONG, LONG_AGAIN]
    section = Section("Names", f"{own.size.names} files in one directory.")
    section.tables += [wall_table(bench, "Wall time, nothing in any cache at first:", columns), cpu_table(bench, columns)]
    disk = bench.peers[0].name
    section.goals = [
        beside("names alone at most the disk itself", bench, NAMES, disk, 1.0),
        beside("with attributes at most the disk itself", bench, LONG, disk, 1.0),
    ]
    section.figures.update(bench.figures())
    return section
