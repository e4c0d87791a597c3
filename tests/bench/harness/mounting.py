"""The mounted tree: how soon it is there, and reading, listing and searching in it beside its peers."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Optional

from harness.inputs import LARGE_FILE, Inputs, say
from harness.mounts import ORCIO, Mounted, Peer, TooSlow, drop_caches, mounted, peers
from harness.process import Failed, output, run
from harness.report import Goal, Section, Table, at_most, mebibytes, seconds
from harness.settings import KIB, MB, MISSING_NAMES, RANDOM_READS, Settings

FIND_FORMAT = "%y %m %U %G %s %n %T@ %P %l\\n"
SLOW = 6  # seconds, mounting and unmounting included: a peer that takes longer is measured once
MOUNT_BUDGET_FACTOR = 3  # a peer that indexes an archive first may take that many budgets to mount
PATIENCE = 10  # how many budgets what the others are put beside may take


@dataclass
class Series:
    """One thing measured of one peer: seconds until done, or None where the budget ran out."""

    walls: list = field(default_factory=list)
    cpus: list = field(default_factory=list)  # of the serving process

    def add(self, wall: Optional[float], cpu: float):
        self.walls.append(wall)
        self.cpus.append(cpu)

    def median(self) -> Optional[float]:
        return None if None in self.walls or not self.walls else median(self.walls)

    def median_cpu(self) -> float:
        return median(self.cpus) if self.cpus else 0


SMALL, LARGE, LARGE_AGAIN = "small files", "large file", "large file, again"
FIND, FIND_AGAIN = "find", "find, again"
RANDOM, MISSING, MISSING_AGAIN = "random reads", "missing names", "missing names, again"
MOUNTING, RSS = "mount", "memory"


class Bench:
    """Measures each peer in turns, each thing on a fresh mount with nothing in any cache."""

    def __init__(self, settings: Settings, inputs: Inputs, mounts: list, about: str = "mount"):
        self.settings = settings
        self.inputs = inputs
        self.peers = mounts
        self.about = about
        self.steps = (self._find, self._small, self._large, self._random, self._missing)
        self.series = {peer.name: {} for peer in self.peers}
        self.rss = {}
        self.slow = set()  # peers and steps that are not measured again
        self.answers = {}  # to each question
        self.differences = []  # where a peer gave another
        self.counters = {}  # of orcio's mount, after a step

    def run(self):
        rounds = self.settings.size.short_rounds
        for number in range(rounds):
            for peer in self.peers:
                say(f"{self.about}: {peer.name}, {number + 1} of {rounds}")
                for step in self.steps:
                    if (peer, step) not in self.slow:
                        self._on_fresh_mount(peer, step)

    def _on_fresh_mount(self, peer: Peer, step):
        drop_caches()
        start = time.monotonic()
        budget = self.settings.budget * MOUNT_BUDGET_FACTOR
        try:
            with mounted(peer, self.settings.mountpoint, budget) as mount:
                if peer.command:
                    self._add(peer, MOUNTING, mount.seconds, 0)
                self.rss.setdefault(peer.name, []).append(mount.rss())
                self._warm_programs()
                step(mount)
        except TooSlow as slow:
            say(f"mount: {peer.name}: {slow} took too long")
            self._add(peer, str(slow), None, 0)
        if peer.may_be_given_up and time.monotonic() - start > SLOW:
            self.slow.add((peer, step))

    def _budget(self, peer: Peer) -> float:
        return self.settings.budget * (1 if peer.may_be_given_up else PATIENCE)

    def _warm_programs(self):
        """Drops all caches, and loads again what is measured with."""
        drop_caches()
        output("find", "--version")
        output("md5sum", "/dev/null")

    def _add(self, peer: Peer, what: str, wall: Optional[float], cpu: float):
        self.series[peer.name].setdefault(what, Series()).add(wall, cpu)

    def _timed(self, mount: Mounted, what: str, command: list) -> Path:
        """Where the command's output is."""
        target = self.settings.output("answer")
        before = mount.cpu()
        budget = self._budget(mount.peer)
        # 1: find or md5sum met something that is not there; _compare says so.
        usage = run(command, stdout=target, timeout=budget, on_timeout=mount.end, allowed=(0, 1))
        if usage.timed_out:
            raise TooSlow(what)
        self._add(mount.peer, what, usage.wall, mount.cpu() - before)
        return target

    def _find(self, mount: Mounted):
        command = ["find", mount.root, "-printf", FIND_FORMAT]
        for what in (FIND, FIND_AGAIN):
            target = self._timed(mount, what, command)
            self._compare(mount, "entries", target.read_bytes().count(b"\n"))

    def _small(self, mount: Mounted):
        program = Path(__file__).with_name("read_files.py")
        budget = self._budget(mount.peer)
        command = ["python3", "-B", program, mount.root, self.inputs.small_list, str(budget)]
        target = self.settings.output("answer")
        before = mount.cpu()
        usage = run(command, stdout=target, timeout=2 * budget, on_timeout=mount.end)
        answer = {} if usage.timed_out else json.loads(target.read_text())
        if not answer.get("done"):
            say(f"mount: {mount.peer.name} read {answer.get('files', 'no')} small files in time")
            raise TooSlow(SMALL)
        self._add(mount.peer, SMALL, answer["seconds"], mount.cpu() - before)
        self._compare(mount, "small files, and their digest", (answer["files"], answer["sha256"]))

    def _large(self, mount: Mounted):
        command = ["md5sum", mount.root / LARGE_FILE]
        for what in (LARGE, LARGE_AGAIN):
            target = self._timed(mount, what, command)
            self._compare(mount, "large file, by its digest", target.read_text()[:32])

    def _probe(self, mount: Mounted, what: str, words: list):
        """One run of probe.py: what it took, and its answer beside the disk's."""
        target = self.settings.output("answer")
        budget = self._budget(mount.peer)
        before, asked = mount.cpu(), mount.counters()
        program = Path(__file__).with_name("probe.py")
        usage = run(["python3", "-B", program, *words], stdout=target, timeout=budget, on_timeout=mount.end)
        if usage.timed_out:
            raise TooSlow(what)
        answer = json.loads(target.read_text())
        self._add(mount.peer, what, answer["seconds"], mount.cpu() - before)
        self._compare(mount, what, answer["answer"])
        if asked:
            now = mount.counters()
            self.counters[what] = {name: now[name] - value for name, value in asked.items()}

    def _random(self, mount: Mounted):
        self._probe(mount, RANDOM, ["pread", mount.root / LARGE_FILE, RANDOM_READS])

    def _missing(self, mount: Mounted):
        for what in (MISSING, MISSING_AGAIN):
            self._probe(mount, what, ["missing", mount.root, MISSING_NAMES])

    def _compare(self, mount: Mounted, question: str, answer):
        """The disk's own answer is the right one. A figure of an orcio that gives another would be worth nothing."""
        expected = self.answers.setdefault(question, answer)
        if answer == expected:
            return
        difference = f"{mount.peer.name}: {question}: {answer} instead of {expected}"
        if mount.peer.name == ORCIO:
            raise Failed(difference)
        if difference not in self.differences:
            self.differences.append(difference)

    # --- what came out ---

    def median(self, peer: str, what: str) -> Optional[float]:
        series = self.series[peer].get(what)
        return series.median() if series else None

    def cell(self, peer: str, what: str) -> str:
        if what not in self.series[peer]:
            return "-"
        value = self.median(peer, what)
        factor = MOUNT_BUDGET_FACTOR if what == MOUNTING else 1
        return seconds(value) if value is not None else f"> {self.settings.budget * factor:.0f} s"

    def cpu_cell(self, peer: str, what: str) -> str:
        series = self.series[peer].get(what)
        return seconds(series.median_cpu()) if series and series.median_cpu() else "-"

    def figures(self) -> dict:
        series = {
            peer: {what: vars(found) for what, found in measured.items()}
            for peer, measured in self.series.items()
        }
        return {"series": series, "rss": self.rss, "counters": self.counters}


def tables(bench: Bench) -> list:
    large = f"{bench.settings.size.large_bytes / MB:.0f} MB"
    first = f"Wall time, nothing in any cache at first (small files: 300 at random; large file: {large}):"
    second = f"Wall time likewise ({RANDOM_READS} reads of 4 KiB in the large file; {MISSING_NAMES} lookups of names that are not there):"
    columns = [MOUNTING, SMALL, LARGE, LARGE_AGAIN, FIND, FIND_AGAIN]
    more = [RANDOM, MISSING, MISSING_AGAIN]
    memory_of = {peer.name: mebibytes(median(bench.rss.get(peer.name, [0]))) for peer in bench.peers}
    walls = wall_table(bench, first, columns)
    walls.headers.append("memory once mounted")
    for row in walls.rows:
        row.append(memory_of[row[0]])
    cpu = cpu_table(bench, [*columns[1:], *more])
    return [walls, wall_table(bench, second, more), cpu]


def wall_table(bench: Bench, caption: str, columns: list) -> Table:
    rows = [[peer.name, *(bench.cell(peer.name, what) for what in columns)] for peer in bench.peers]
    return Table(caption, ["", *columns], rows)


def cpu_table(bench: Bench, columns: list) -> Table:
    served = [peer.name for peer in bench.peers if any(bench.rss.get(peer.name, [0]))]
    rows = [[name, *(bench.cpu_cell(name, what) for what in columns)] for name in served]
    return Table("CPU time of the serving process meanwhile:", ["", *columns], rows)


def read_ahead_note(bench: Bench) -> str:
    counted = bench.counters[RANDOM]
    return (
        f"orcio answered those {RANDOM_READS} reads with {counted['requests']} requests of the kernel's, and decoded "
        f"{counted['decoded_bytes'] / RANDOM_READS / KIB:.0f} KiB for each; asked again for the missing names, the kernel "
        f"sent {bench.counters[MISSING_AGAIN]['requests']} requests."
    )


def goals(bench: Bench) -> list:
    disk = bench.peers[0].name
    return [
        goal_small(bench),
        beside("a large file at most 1.15 x the disk itself", bench, LARGE, disk, 1.15),
        beside("find over everything at most the disk itself", bench, FIND, disk, 1.0),
        beside("find again at most the disk itself", bench, FIND_AGAIN, disk, 1.0),
        goal_missing(bench),
        goal_random(bench),
    ]


def goal_missing(bench: Bench) -> Goal:
    """A few requests are those of the measuring program's own start."""
    asked = bench.counters[MISSING_AGAIN]["requests"]
    return at_most("names that are not there answered from the kernel's cache", asked, 50, f"{asked} requests")


def goal_random(bench: Bench) -> Goal:
    """No more spans than are touched: two where a piece lies across."""
    decodes = bench.counters[RANDOM]["decodes"] / RANDOM_READS
    return at_most("random reads set off no read-ahead", decodes, 1.2, f"{decodes:.2f} decodes a read")


def beside(what: str, bench: Bench, question: str, to: str, limit: float) -> Goal:
    own, other = bench.median(ORCIO, question), bench.median(to, question)
    if own is None or other is None:
        return Goal(what, "", None)
    return at_most(what, own / other, limit, f"{own / other:.2f} x")


def goal_small(bench: Bench) -> Goal:
    what = "small files 4 x ahead of the best peer in user space"
    own = bench.median(ORCIO, SMALL)
    others = [peer.name for peer in bench.peers if peer.name != ORCIO and not peer.reference]
    times = {name: bench.median(name, SMALL) for name in others}
    times = {name: time for name, time in times.items() if time is not None}
    if own is None or not times:
        return Goal(what, "", None)
    best = min(times, key=times.get)
    return Goal(what, f"{times[best] / own:.2f} x ahead of {best}", times[best] >= 4 * own)


def measure(settings: Settings, inputs: Inputs) -> Section:
    about = "The same tree, mounted. What each peer answers is compared with what the disk itself does."
    section = Section("Mount", about)
    bench = Bench(settings, inputs, peers(settings, inputs.top))
    bench.run()
    section.tables += tables(bench)
    section.goals += goals(bench)
    section.figures.update(bench.figures())
    section.notes.append(read_ahead_note(bench))
    section.notes.append(f"`> {settings.budget:.0f} s`: had not ended when the time for one measurement was over.")
    section.notes += [f"Not the same: {difference}." for difference in bench.differences]
    return section
