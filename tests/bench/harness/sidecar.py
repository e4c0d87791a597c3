"""The sidecar: how large, how quickly opened, and what rebuilding it costs."""

import json
import os

from harness.inputs import Inputs, say
from harness.mounts import drop_caches
from harness.process import median_usage, output, run
from harness.report import Section, Table, at_most, mebibytes, per_gb, ratio, seconds
from harness.settings import MIB, Settings

REBUILD, ALONE, GUNZIP = "orcio index", "libdeflate over the members alone", "gzip -dc"
OPENS = 1000


def commands(settings: Settings, cpus) -> dict:
    threads = str(len(cpus) if cpus else os.cpu_count())
    found = {
        REBUILD: [settings.orcio, "index", settings.archive],
        ALONE: [settings.program("bench_inflate_alone"), threads, settings.archive],
    }
    if cpus:  # it uses no more anyway
        found[GUNZIP] = ["gzip", "-dc", settings.archive]
    return found


def compare(settings: Settings, where: str, cpus=None) -> dict:
    """The median usage of each, by name; they take turns."""
    measured = {}
    for number in range(settings.size.long_rounds):
        for name, command in commands(settings, cpus).items():
            usage = run(command, cpus=cpus)
            measured.setdefault(name, []).append(usage)
            say(f"sidecar: {name}, {where}, {number + 1} of {settings.size.long_rounds}: {usage.wall:.2f} s")
    return {name: median_usage(usages) for name, usages in measured.items()}


def rebuild_table(where: str, usages: dict, tar_bytes: int) -> Table:
    alone = usages[ALONE]
    rows = []
    for name, usage in usages.items():
        cpu, wall = per_gb(usage.cpu, tar_bytes), per_gb(usage.wall, tar_bytes)
        beside = [ratio(usage.cpu, alone.cpu), ratio(usage.wall, alone.wall)]
        rows.append([name, cpu, wall, mebibytes(usage.rss), *beside])
    headers = ["", "CPU s/GB", "wall s/GB", "peak memory", "CPU beside libdeflate", "wall beside libdeflate"]
    return Table(f"Rebuilding it from the archive {where}, per GB of tar, beside decoding alone:", headers, rows)


def describe(settings: Settings) -> dict:
    program = [settings.program("bench_sidecar_open"), str(OPENS), settings.archive, settings.sidecar]
    run([*program[:1], "1", *program[2:]])
    warm = json.loads(output(*program))
    drop_caches()
    cold = json.loads(output(*program))
    return {**warm, "cold_seconds": cold["first_seconds"]}


def measure(settings: Settings, inputs: Inputs) -> Section:
    section = Section("Sidecar", "Of the archive above.")
    facts = describe(settings)
    entries, total, digests = facts["entries"], facts["sidecar_bytes"], facts["digest_bytes"]
    plain = (total - digests) / entries
    rows = [
        ["with digests", f"{total}", f"{total / entries:.1f}"],
        ["without", f"{total - digests}", f"{plain:.1f}"],
    ]
    section.tables.append(Table(f"Size, {entries} entries:", ["", "bytes", "bytes an entry"], rows))
    opening = [[seconds(facts["median_seconds"]), seconds(facts["cold_seconds"])]]
    caption = f"Opening it, checking that it is the archive's, listing its root (warm: median of {OPENS}):"
    section.tables.append(Table(caption, ["warm", "cold"], opening))

    for count in settings.size.made_up_entries:
        # A shell in between: the peak that a process sees of itself begins with that of what it was forked from.
        shell = ["sh", "-c", '"$@"; exit $?', "sh"]
        printed = output(*shell, settings.program("sidecar_size"), "--made-up", count).rstrip()
        section.notes.append(f"Made up, to see what grows with the entries:\n\n```\n{printed}\n```")
        section.figures[f"made up, {count}"] = printed
    one, every = compare(settings, "on one CPU", {0}), compare(settings, "on all CPUs")
    section.tables.append(rebuild_table("on one CPU", one, inputs.tar_bytes))
    section.tables.append(rebuild_table("on all CPUs", every, inputs.tar_bytes))
    rss = max(usages[REBUILD].rss for usages in (one, every))
    section.goals = [
        at_most("at most 60 B an entry, digests apart", plain, 60, f"{plain:.1f} B"),
        at_most("rebuilt within 256 MiB", rss, 256 * MIB, mebibytes(rss)),
    ]
    section.figures |= {**facts, "one CPU": figures(one), "all CPUs": figures(every)}
    return section


def figures(usages: dict) -> dict:
    return {name: vars(usage) for name, usage in usages.items()}
