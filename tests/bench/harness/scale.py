"""What more archives, and more entries in one, cost."""

import json
import os
import random
import shutil
import time
from pathlib import Path
from statistics import median

from harness.inputs import Inputs, say, write_list
from harness.mounts import ORCIO, Mounted, Peer, drop_caches, mounted
from harness.process import Failed, memory, output, run
from harness.report import Section, Table, at_most, mebibytes, seconds
from harness.settings import MIB, SEED, Settings

SERVICE = "wiki"
LOOKUPS = 1000
MOST_DESCRIPTORS = 256


def peer_of(settings: Settings, directory: Path) -> Peer:
    command = [settings.orcio, "-r", directory, "mount", "{}"]
    return Peer(ORCIO, command, Path(SERVICE), (settings.orcio, "umount", "{}"))


def mount_times(settings: Settings, peer: Peer) -> tuple:
    """Until it is mounted, cold and warm, and the memory then."""
    cold, warm, rss = [], [], []
    for _ in range(settings.size.short_rounds):
        drop_caches()
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            cold.append(mount.seconds)
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            warm.append(mount.seconds)
            rss.append(mount.rss())
    return median(cold), median(warm), median(rss)


# --- more archives ---


def many_archives(settings: Settings, section: Section):
    entries, counts = settings.size.entries_an_archive, settings.size.many_archives
    made, linked = settings.scratch / "many", settings.scratch / "some"
    say(f"scale: making {counts[-1]} archives of {entries} entries")
    made.mkdir()
    run([settings.program("bench_made_up_archives"), made, SERVICE, counts[-1], entries])
    rows = []
    try:
        for count in counts:
            linked.mkdir()
            for name in sorted(os.listdir(made))[: 2 * count]:  # each with its sidecar
                os.link(made / name, linked / name)
            rows.append(measure_many(settings, linked, count))
            shutil.rmtree(linked)
    finally:
        shutil.rmtree(made)
        shutil.rmtree(linked, ignore_errors=True)
    section.figures["archives"] = rows
    add_many(section, rows, entries)


def measure_many(settings: Settings, directory: Path, count: int) -> dict:
    peer = peer_of(settings, directory)
    cold, warm, rss = mount_times(settings, peer)
    say(f"scale: {count} archives: {seconds(warm)}")
    drop_caches()
    with mounted(peer, settings.mountpoint, settings.budget) as mount:
        cpu = mount.cpu()
        look = look_into_each(settings, mount, count)
        return {
            "archives": count,
            "cold": cold,
            "warm": warm,
            "rss": rss,
            "look": look,
            "cpu": mount.cpu() - cpu,
            "then": memory(mount.pid, "VmRSS"),
            "own": memory(mount.pid, "RssAnon"),
            "descriptors": len(os.listdir(f"/proc/{mount.pid}/fd")),
        }


def look_into_each(settings: Settings, mount: Mounted, count: int) -> float:
    """Seconds to list what each archive holds at its top."""
    target = settings.output("answer")
    command = ["find", mount.root, "-mindepth", "2", "-maxdepth", "2"]
    usage = run(command, stdout=target, timeout=settings.budget, on_timeout=mount.end)
    if len(target.read_bytes().splitlines()) < count:
        raise Failed(f"{mount.root}: shows less than {count} archives")
    return usage.wall


def add_many(section: Section, rows: list, entries: int):
    headers = ["archives", "mount, cold", "mount, warm", "memory", "list the top of each, cold", "an archive", "CPU"]
    headers += ["memory then", "without mapped files", "descriptors"]
    cells = [
        [
            f"{row['archives']}",
            seconds(row["cold"]),
            seconds(row["warm"]),
            mebibytes(row["rss"]),
            seconds(row["look"]),
            seconds(row["look"] / row["archives"]),
            seconds(row["cpu"]),
            mebibytes(row["then"]),
            mebibytes(row["own"]),
            f"{row['descriptors']}",
        ]
        for row in rows
    ]
    section.tables.append(Table(f"Archives of {entries} entries each, none of them a link of another:", headers, cells))
    most = rows[-1]
    count = most["archives"]
    shown = f"{seconds(most['warm'])}, cold {seconds(most['cold'])}"
    section.goals += [
        at_most(f"{count} archives mounted in 0.1 s", most["warm"], 0.1, shown),
        at_most(f"{count} archives mounted in 64 MiB", most["rss"], 64 * MIB, mebibytes(most["rss"])),
        at_most(
            f"{count} archives looked into with {MOST_DESCRIPTORS} descriptors",
            most["descriptors"],
            MOST_DESCRIPTORS,
            f"{most['descriptors']}",
        ),
    ]


# --- more entries ---


def one_archive(settings: Settings, section: Section):
    rows = []
    for entries in settings.size.one_archive:
        directory = settings.scratch / "one"
        directory.mkdir()
        try:
            say(f"scale: one archive of {entries} entries")
            run([settings.program("bench_made_up_archives"), directory, SERVICE, 1, entries])
            rows.append(measure_one(settings, directory, entries))
        finally:
            shutil.rmtree(directory)
    section.figures["entries"] = rows
    add_one(section, rows)


def measure_one(settings: Settings, directory: Path, entries: int) -> dict:
    peer = peer_of(settings, directory)
    sidecar = next(directory.glob("*.idx")).stat().st_size
    cold, warm, rss = mount_times(settings, peer)
    chosen = random.Random(SEED).sample(range(entries), LOOKUPS)
    names = settings.scratch / "lookups"
    write_list(names, [f"srv/wiki/{i // 100000:04}/{i // 100 % 1000:03}/file-{i:08}.jpg" for i in chosen])
    first, looked, cpu = [], [], []
    for _ in range(settings.size.short_rounds):
        with mounted(peer, settings.mountpoint, settings.budget) as mount:
            top = mount.root / "latest"
            drop_caches()
            start = time.monotonic()
            os.lstat(top / "srv")
            first.append(time.monotonic() - start)
            before = mount.cpu()
            looked.append(lookups(settings, top, names, chosen))
            cpu.append(mount.cpu() - before)
            own = memory(mount.pid, "RssAnon")
    return {
        "entries": entries,
        "sidecar": sidecar,
        "cold": cold,
        "warm": warm,
        "rss": rss,
        "first": median(first),
        "lookups": median(looked),
        "cpu": median(cpu),
        "own": own,
    }


def lookups(settings: Settings, top: Path, names: Path, chosen: list) -> float:
    program = Path(__file__).with_name("probe.py")
    answer = json.loads(output("python3", "-B", program, "stat", top, names))
    if answer["answer"] != sum(i % 40_000 for i in chosen):
        raise Failed(f"{top}: files of other sizes than those made up")
    return answer["seconds"]


def add_one(section: Section, rows: list):
    headers = ["entries", "sidecar", "bytes an entry", "mount, cold", "mount, warm", "memory"]
    headers += ["first look inside, cold", f"{LOOKUPS} lookups, cold", "CPU", "own memory then"]
    cells = [
        [
            f"{row['entries']}",
            mebibytes(row["sidecar"]),
            f"{row['sidecar'] / row['entries']:.1f}",
            seconds(row["cold"]),
            seconds(row["warm"]),
            mebibytes(row["rss"]),
            seconds(row["first"]),
            seconds(row["lookups"]),
            seconds(row["cpu"]),
            mebibytes(row["own"]),
        ]
        for row in rows
    ]
    caption = "One archive, of more and more entries (lookups: of files anywhere in it, directories on the way included):"
    section.tables.append(Table(caption, headers, cells))
    least, most = rows[0], rows[-1]
    what = f"{most['entries']} entries mounted as quickly as {least['entries']}"
    limit = 1.5 * least["warm"] + 0.005
    section.goals.append(at_most(what, most["warm"], limit, f"{seconds(most['warm'])} and {seconds(least['warm'])}"))


def measure(settings: Settings, inputs: Inputs) -> Section:
    section = Section("Scale", "Made-up archives: sidecars as of real ones, and holes for the archives' own bytes.")
    many_archives(settings, section)
    one_archive(settings, section)
    return section
