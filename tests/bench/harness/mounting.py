"""The mounted tree: how soon it is there, and reading, listing and searching in it beside its peers."""

import json
import os
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Optional

from harness.inputs import LARGE_FILE, Inputs, say
from harness.mounts import ORCIO, Mounted, Peer, TooSlow, drop_caches, mounted, peers
from harness.process import Failed, memory, output, run
from harness.report import Goal, Section, Table, at_most, mebibytes, seconds
from harness.settings import MB, MIB, Settings

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
MOUNTING, RSS = "mount", "memory"


class Bench:
    """Measures each peer in turns, each thing on a fresh mount with nothing in any cache."""

    def __init__(self, settings: Settings, inputs: Inputs):
        self.settings = settings
        self.inputs = inputs
        self.peers = peers(settings, inputs.top)
        self.series = {peer.name: {} for peer in self.peers}
        self.rss = {}
        self.slow = set()  # peers and steps that are not measured again
        self.answers = {}  # to each question
        self.differences = []  # where a peer gave another

    def run(self):
        rounds = self.settings.size.short_rounds
        for number in range(rounds):
            for peer in self.peers:
                say(f"mount: {peer.name}, {number + 1} of {rounds}")
                for step in (self._find, self._small, self._large):
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
        return {"series": series, "rss": self.rss}


def tables(bench: Bench) -> list:
    columns = [MOUNTING, SMALL, LARGE, LARGE_AGAIN, FIND, FIND_AGAIN]
    names = [peer.name for peer in bench.peers]
    rows = []
    for name in names:
        cells = [bench.cell(name, what) for what in columns]
        rss = bench.rss.get(name, [0])
        rows.append([name, *cells, mebibytes(median(rss))])
    large = f"{bench.settings.size.large_bytes / MB:.0f} MB"
    caption = f"Wall time, nothing in any cache at first (small files: 300 at random; large file: {large}):"
    first = Table(caption, ["", *columns, "memory once mounted"], rows)
    served = [name for name in names if any(bench.rss.get(name, [0]))]
    rows = [[name, *(bench.cpu_cell(name, what) for what in columns[1:])] for name in served]
    return [first, Table("CPU time of the serving process meanwhile:", ["", *columns[1:]], rows)]


def goals(bench: Bench) -> list:
    disk = bench.peers[0].name
    return [
        goal_small(bench),
        beside("a large file at most 1.15 x the disk itself", bench, LARGE, disk, 1.15),
        beside("find over everything at most the disk itself", bench, FIND, disk, 1.0),
    ]


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


def many_archives(settings: Settings, inputs: Inputs, section: Section):
    """A repository of many dates of one archive, by hard links: each has an entry and a sidecar to open all the same."""
    directory = settings.scratch / "many"
    directory.mkdir(mode=0o700)
    try:
        link_archives(settings, directory)
        measure_many(settings, inputs, directory, section)
    finally:
        shutil.rmtree(directory)


def link_archives(settings: Settings, directory: Path):
    for number in range(settings.size.many_archives):
        date = (datetime(2020, 1, 1) + timedelta(hours=number)).strftime("%Y-%m-%dT%H%M%SZ")
        name = f"bench-{date}.tar.gz"
        os.link(settings.archive, directory / name)
        os.link(settings.sidecar, directory / f"{name}.idx")


def measure_many(settings: Settings, inputs: Inputs, directory: Path, section: Section):
    count = settings.size.many_archives
    command = [settings.orcio, "-r", directory, "mount", "{}"]
    peer = Peer(ORCIO, command, Path("bench"), (settings.orcio, "umount", "{}"))
    cold, warm, rss, looked = [], [], [], []
    for _ in range(settings.size.short_rounds):
        drop_caches()
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            cold.append(mount.seconds)
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            warm.append(mount.seconds)
            rss.append(mount.rss())
            looked.append(look_into_each(settings, mount, count))
    say(f"mount: {count} archives: {seconds(median(warm))}")
    looked_wall, looked_rss, looked_own = (median(values) for values in zip(*looked))
    times = [seconds(median(cold)), seconds(median(warm)), mebibytes(median(rss))]
    headers = ["mount, cold", "mount, warm", "memory", "list the top of each", "memory then", "without mapped files"]
    caption = f"{count} archives of {inputs.entries} entries in one repository:"
    row = [*times, seconds(looked_wall), mebibytes(looked_rss), mebibytes(looked_own)]
    section.tables.append(Table(caption, headers, [row]))
    section.goals += [
        at_most(f"{count} archives mounted in 0.1 s", median(warm), 0.1, f"{times[1]}, cold {times[0]}"),
        at_most(f"{count} archives mounted in 64 MiB", median(rss), 64 * MIB, times[2]),
    ]
    section.figures["many"] = {"cold": cold, "warm": warm, "rss": rss, "looked": looked}


def look_into_each(settings: Settings, mount: Mounted, count: int) -> tuple:
    """Seconds to list what each archive holds at its top, and the memory behind it, with and without mapped files."""
    target = settings.output("answer")
    command = ["find", mount.root, "-mindepth", "4", "-maxdepth", "4"]
    usage = run(command, stdout=target, timeout=settings.budget, on_timeout=mount.end)
    if len(target.read_bytes().splitlines()) < count:
        raise Failed(f"{mount.root}: shows less than {count} archives")
    return usage.wall, memory(mount.pid, "VmRSS"), memory(mount.pid, "RssAnon")


def measure(settings: Settings, inputs: Inputs) -> Section:
    about = "The same tree, mounted. What each peer answers is compared with what the disk itself does."
    section = Section("Mount", about)
    bench = Bench(settings, inputs)
    bench.run()
    section.tables += tables(bench)
    section.goals += goals(bench)
    section.figures.update(bench.figures())
    many_archives(settings, inputs, section)
    section.notes.append(f"`> {settings.budget:.0f} s`: had not ended when the time for one measurement was over.")
    section.notes += [f"Not the same: {difference}." for difference in bench.differences]
    return section
