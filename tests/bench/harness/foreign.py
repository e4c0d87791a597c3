"""Somebody else's tar.gz: what indexing it costs, how large the index is, and what reading it costs then."""

import json
import os
import shutil
from pathlib import Path

from harness.inputs import Inputs, say
from harness.mounts import Peer, drop_caches, mounted
from harness.process import Failed, median_usage, output, run
from harness.report import Section, Table, at_most, mebibytes, per_gb, ratio, seconds
from harness.settings import MIB, Settings

ORCIO, GZTOOL, INDEXED_GZIP, GUNZIP = "orcio index", "gztool", "indexed_gzip", "gzip -dc"
# rapidgzip, the fastest there is, is in no Debian: it indexed a tar like this one in 4.75 s where gzip -dc took 9.0 s, on two CPUs.
RAPIDGZIP_BESIDE_GUNZIP = 4.75 / 9.0
# What orcio's index has, and theirs have not: entries and digests.
BUILD_INDEXED_GZIP = """
import indexed_gzip, sys
file = indexed_gzip.IndexedGzipFile(sys.argv[1], spacing=1 << 20)
file.build_full_index()
file.export_index(sys.argv[2])
"""


class Bench:
    def __init__(self, settings: Settings):
        self.settings = settings
        self.directory = settings.scratch / "foreign"
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        # One gzip member, by pigz; a link, so that indexes lie in a directory of their own.
        self.archive = self.directory / "bench-2022-11-05.tar.gz"
        os.link(settings.peer_archive, self.archive)

    def index_of(self, name: str) -> Path:
        return {ORCIO: Path(f"{self.archive}.idx")}.get(name, self.directory / f"{name}.index")

    def commands(self) -> dict:
        return {
            ORCIO: [self.settings.orcio, "index", self.archive],
            GZTOOL: ["gztool", "-f", "-s", "1", "-i", "-I", self.index_of(GZTOOL), self.archive],
            INDEXED_GZIP: ["/usr/bin/python3", "-c", BUILD_INDEXED_GZIP, self.archive, self.index_of(INDEXED_GZIP)],
            GUNZIP: ["gzip", "-dc", self.archive],
        }

    def compare(self, cpus=None) -> dict:
        """The median usage of each, by name; they take turns."""
        measured = {}
        for number in range(self.settings.size.long_rounds):
            for name, command in self.commands().items():
                self.index_of(name).unlink(missing_ok=True)
                usage = run(command, cpus=cpus)
                measured.setdefault(name, []).append(usage)
                say(f"foreign: {name}, {number + 1} of {self.settings.size.long_rounds}: {usage.wall:.2f} s")
        return {name: median_usage(usages) for name, usages in measured.items()}

    def read_small(self, inputs: Inputs) -> float:
        """Seconds that the small files take through the mount, nothing in any cache."""
        settings = self.settings
        mount = [settings.orcio, "-r", self.directory, "mount", "{}"]
        peer = Peer("orcio", mount, Path("bench", "2022-11-05", "srv/bench"), (settings.orcio, "umount", "{}"))
        drop_caches()
        program = Path(__file__).with_name("read_files.py")
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            drop_caches()
            answer = json.loads(output("python3", "-B", program, mount.root, inputs.small_list, str(settings.budget)))
        if answer["sha256"] != self.on_disk(inputs):
            raise Failed("foreign: the small files read through the mount are not those on disk")
        return answer["seconds"]

    def on_disk(self, inputs: Inputs) -> str:
        program = Path(__file__).with_name("read_files.py")
        return json.loads(output("python3", "-B", program, inputs.top, inputs.small_list, "60"))["sha256"]


def measure(settings: Settings, inputs: Inputs) -> Section:
    section = Section("Somebody else's tar.gz", "The same tar as one gzip member, by pigz -6; checkpoints 1 MiB apart.")
    bench = Bench(settings)
    for where, cpus in (("on one CPU", {0}), ("on all CPUs", None)):
        usages = bench.compare(cpus)
        rows = []
        for name, usage in usages.items():
            index = bench.index_of(name)
            size = mebibytes(index.stat().st_size) if index.exists() else ""
            cpu, wall = per_gb(usage.cpu, inputs.tar_bytes), per_gb(usage.wall, inputs.tar_bytes)
            beside = ratio(usage.wall, usages[GUNZIP].wall)
            rows.append([name, cpu, wall, mebibytes(usage.rss), size, beside])
        headers = ["", "CPU s/GB", "wall s/GB", "peak memory", "index", "wall beside gzip -dc"]
        section.tables.append(Table(f"Indexing it {where}, per GB of tar:", headers, rows))
        section.figures[where] = {name: vars(usage) for name, usage in usages.items()}
    took = sorted(bench.read_small(inputs) for _ in range(3))[1]
    section.tables.append(Table("The small files of the mount's table, cold, through its mount:", ["orcio"], [[seconds(took)]]))
    section.goals = [
        at_most("indexed as fast as gztool", usages[ORCIO].wall, usages[GZTOOL].wall, seconds(usages[ORCIO].wall)),
        at_most(
            "indexed in 1.1 x what rapidgzip takes, reckoned from gzip -dc",
            usages[ORCIO].wall,
            1.1 * RAPIDGZIP_BESIDE_GUNZIP * usages[GUNZIP].wall,
            ratio(usages[ORCIO].wall, usages[GUNZIP].wall) + " of gzip -dc",
        ),
        at_most("indexed within 256 MiB", usages[ORCIO].rss, 256 * MIB, mebibytes(usages[ORCIO].rss)),
        at_most("300 small files within 1 s", took, 1.0, seconds(took)),
    ]
    section.figures["small files"] = took
    return section
