"""Archiving: what a tar costs on its way into an archive, beside the tools that do less or the same."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from harness.inputs import TAR_FORMAT, Inputs, say
from harness.process import Usage, median_usage, run
from harness.report import Section, Table, at_most, mebibytes, per_gb, ratio
from harness.settings import MB, MIB, Settings

ONE_CPU = {0}

ORCIO, ORCIO_ONE = "orcio", "orcio, on one CPU"
GZIP, PIGZ = "gzip -6", "pigz -6"
ALONE, ALONE_ALL = "libdeflate 6 alone, on one CPU", "libdeflate 6 alone, on all CPUs"


@dataclass(frozen=True)
class Program:
    name: str
    command: list
    output: str  # the name of what it writes; for a driver of ours, the JSON that it prints
    prints_size: bool = False
    archive: Optional[str] = None  # what it writes beside its standard output
    cpus: Optional[set] = None


@dataclass(frozen=True)
class Outcome:
    usage: Usage  # the median
    tar_bytes: int
    archive_bytes: int


def orcio_program(settings: Settings, name: str, cpus=None) -> Program:
    archive = "bench.tar.gz"
    command = [settings.program("bench_archive_stream"), settings.output(""), archive]
    return Program(name, command, "printed", archive=archive, cpus=cpus)


def programs(settings: Settings) -> list:
    alone = settings.program("bench_deflate_alone")
    return [
        Program(ALONE, [alone, "1"], "printed", prints_size=True, cpus=ONE_CPU),
        orcio_program(settings, ORCIO_ONE, ONE_CPU),
        Program(GZIP, ["gzip", "-6"], "gz", cpus=ONE_CPU),
        Program(ALONE_ALL, [alone, str(os.cpu_count())], "printed", prints_size=True),
        orcio_program(settings, ORCIO),
        Program(PIGZ, ["pigz", "-6"], "gz"),
    ]


def measure_once(settings: Settings, program: Program, tar: Path, source: Optional[list]) -> tuple:
    """The usage and the archive's bytes. `source`, where given, is a command that makes the tar."""
    target = settings.output(program.output)
    if source:
        usage = run(source, program.command, stdout=target, cpus=program.cpus)
    else:
        usage = run(program.command, stdin=tar, stdout=target, cpus=program.cpus)
    if program.prints_size:
        archive_bytes = json.loads(target.read_text())["archive_bytes"]
    else:
        archive_bytes = settings.output(program.archive or program.output).stat().st_size
    for file in settings.output("").iterdir():
        file.unlink()
    os.sync()  # or the next one pays for writing this one's output
    return usage, archive_bytes


def warm(path: Path):
    run(["cat", path])


def compare(settings: Settings, label: str, chosen: list, tar: Path, source: Optional[list] = None) -> dict:
    """An Outcome for each program, by its name; the programs take turns."""
    rounds = settings.size.long_rounds
    measured = {program.name: [] for program in chosen}
    for number in range(rounds):
        warm(tar)
        for program in chosen:
            usage, archive_bytes = measure_once(settings, program, tar, source)
            measured[program.name].append((usage, archive_bytes))
            say(f"{label}: {program.name}, {number + 1} of {rounds}: CPU {usage.cpu:.2f} s, wall {usage.wall:.2f} s")
    tar_bytes = tar.stat().st_size
    return {
        name: Outcome(median_usage(usage for usage, _ in runs), tar_bytes, runs[-1][1])
        for name, runs in measured.items()
    }


def table(caption: str, outcomes: dict, yardsticks: dict) -> Table:
    """`yardsticks` says beside which other's CPU seconds each program's are put."""
    headers = ["", "CPU s/GB", "wall s/GB", "size of the tar's", "peak memory", "CPU beside"]
    rows = []
    for name, outcome in outcomes.items():
        usage, yardstick = outcome.usage, yardsticks.get(name)
        beside = f"{ratio(usage.cpu, outcomes[yardstick].usage.cpu)} x {yardstick}" if yardstick else ""
        cpu, wall = per_gb(usage.cpu, outcome.tar_bytes), per_gb(usage.wall, outcome.tar_bytes)
        share = f"{outcome.archive_bytes / outcome.tar_bytes:.4f}"
        rows.append([name, cpu, wall, share, mebibytes(usage.rss), beside])
    return Table(caption, headers, rows)


def figures(outcomes: dict) -> dict:
    return {
        name: {**vars(outcome.usage), "tar_bytes": outcome.tar_bytes, "archive_bytes": outcome.archive_bytes}
        for name, outcome in outcomes.items()
    }


def goals(outcomes: dict) -> list:
    one = outcomes[ORCIO_ONE].usage.cpu / outcomes[ALONE].usage.cpu
    every = outcomes[ORCIO].usage.cpu / outcomes[ALONE_ALL].usage.cpu
    size = outcomes[ORCIO].archive_bytes / outcomes[GZIP].archive_bytes
    rss = max(outcomes[ORCIO].usage.rss, outcomes[ORCIO_ONE].usage.rss)
    shown = f"{one:.2f} x on one CPU, {every:.2f} x on all"
    return [
        at_most("CPU at most 1.15 x libdeflate 6 alone", one, 1.15, shown),
        at_most("size at most that of gzip -6", size, 1, f"{size:.4f} x"),
        at_most("memory at most 256 MiB", rss, 256 * MIB, mebibytes(rss)),
    ]


def measure(settings: Settings, inputs: Inputs) -> Section:
    about = "A tar on standard input, an archive with its sidecar on disk, synced. Every input is in the page cache."
    section = Section("Archive", about)
    beside = {ORCIO_ONE: ALONE, ORCIO: ALONE_ALL, GZIP: ALONE, PIGZ: ALONE_ALL}

    outcomes = compare(settings, "archive", programs(settings), settings.tar)
    section.tables.append(table(f"Real files, {inputs.tar_bytes / MB:.0f} MB of tar:", outcomes, beside))
    section.goals += goals(outcomes)
    section.figures["real"] = figures(outcomes)

    pair = [program for program in programs(settings) if program.name in (GZIP, ORCIO, ORCIO_ONE)]
    against_gzip = {ORCIO: GZIP, ORCIO_ONE: GZIP}
    dense = compare(settings, "archive, incompressible", pair, settings.incompressible)
    megabytes = settings.incompressible.stat().st_size / MB
    caption = f"Incompressible, {megabytes:.0f} MB of tar (random, and files compressed before):"
    section.tables.append(table(caption, dense, against_gzip))
    section.figures["incompressible"] = figures(dense)

    piped = end_to_end(settings, inputs)
    section.tables.append(table("End to end, `tar c | ...`, tar's CPU seconds included:", piped, {ORCIO: GZIP}))
    section.figures["end to end"] = figures(piped)
    return section


def end_to_end(settings: Settings, inputs: Inputs) -> dict:
    source = ["tar", "-C", settings.tree, *TAR_FORMAT, "--null", "--no-recursion"]
    source += [f"--files-from={inputs.end_to_end_list}", "-cf", "-"]
    sample = settings.scratch / "end_to_end.tar"
    run(source, stdout=sample)  # for its size, and to have what it reads in the page cache
    try:
        both = [Program(GZIP, ["gzip", "-6"], "gz"), orcio_program(settings, ORCIO)]
        return compare(settings, "archive, end to end", both, sample, source)
    finally:
        sample.unlink()
