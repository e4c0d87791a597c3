"""Makes what is measured: a tar of this machine's own files, and the same tree as the peers want it."""

import hashlib
import json
import os
import random
import shutil
import stat
import sys
from pathlib import Path

from harness.process import Failed, run
from harness.settings import KIB, LARGEST_CHOSEN_FILE, MB, SEED, SMALL_FILE_BYTES, SMALL_FILE_COUNT
from harness.settings import Settings

# What orcio asks of a host's tar.
TAR_FORMAT = ["--format=posix", "--pax-option=delete=atime,delete=ctime", "--numeric-owner", "--sparse"]
TAR_FORMAT += ["--acls", "--xattrs", "--xattrs-include=*"]
COMPRESSED_SUFFIXES = (".gz", ".xz", ".zst", ".deb", ".png", ".jpg", ".zip", ".whl", ".jar", ".webp")
LARGE_FILE = "large.bin"


def say(text: str):
    print(text, file=sys.stderr, flush=True)


class Inputs:
    """The inputs of one run, made on construction unless an earlier run left the same."""

    def __init__(self, settings: Settings):
        self.settings = settings
        self.manifest = self._load()
        if self.manifest is None:
            remove(settings)
            self.manifest = self._make()

    @property
    def top(self) -> Path:
        """What the tar holds, on this machine's disk."""
        return self.settings.tree / "srv/bench"

    @property
    def entries(self) -> int:
        return self.manifest["entries"]

    @property
    def tar_bytes(self) -> int:
        return self.settings.tar.stat().st_size

    @property
    def small_list(self) -> Path:
        return self.settings.scratch / "small_files"

    @property
    def end_to_end_list(self) -> Path:
        return self.settings.scratch / "end_to_end_files"

    def _request(self) -> dict:
        settings = self.settings
        request = {
            "size": vars(settings.size),
            "source": str(settings.source),
            "backup_tools": settings.backup_tools,
        }
        return json.loads(json.dumps(request))  # as it comes back: with lists for tuples

    @property
    def _manifest_file(self) -> Path:
        return self.settings.scratch / "manifest.json"

    def _load(self):
        try:
            manifest = json.loads(self._manifest_file.read_text())
        except (OSError, ValueError):
            return None
        return manifest if manifest.get("request") == self._request() else None

    def _make(self) -> dict:
        settings = self.settings
        self.top.mkdir(parents=True)
        settings.mountpoint.mkdir()
        settings.output("").mkdir()
        settings.repository.mkdir(mode=0o700)
        say(f"inputs: choosing files of {settings.source}")
        files = choose(settings)
        say("inputs: the tree")
        copy(settings, files, self.top)
        make_large_file(settings, self.top / LARGE_FILE)
        self._write_lists()
        say("inputs: the tar, and what the peers make of it")
        make_tar(settings.tree, ["srv/bench"], settings.tar)
        run(["pigz", "-6"], stdin=settings.tar, stdout=settings.peer_archive)
        make_squashfs(self.top, settings.squashfs)
        make_incompressible(settings)
        if settings.backup_tools:
            say("inputs: what backup tools make of it")
            make_backups(settings)
        stream = [settings.program("bench_archive_stream"), settings.repository, settings.archive.name]
        run(stream, stdin=settings.tar)
        manifest = {"request": self._request(), "entries": count_entries(self.top)}
        self._manifest_file.write_text(json.dumps(manifest))
        return manifest

    def _write_lists(self):
        """Which small files are read at random, and what the end-to-end run archives."""
        small, first, total = [], [], 0
        for path, status in walk(self.top):
            name = os.path.relpath(path, self.top)
            if stat.S_ISREG(status.st_mode) and 0 < status.st_size <= SMALL_FILE_BYTES:
                small.append(name)
            if total < self.settings.size.end_to_end_bytes and name != LARGE_FILE:
                first.append(os.path.relpath(path, self.settings.tree))
                total += status.st_size
        chosen = random.Random(SEED).sample(small, min(SMALL_FILE_COUNT, len(small)))
        write_list(self.small_list, chosen)
        write_list(self.end_to_end_list, first)


def remove(settings: Settings):
    """Everything of the harness's own."""
    if settings.scratch.exists():
        shutil.rmtree(settings.scratch)


def walk(top: Path):
    """Every entry below `top` on its file system, in one order on every machine."""
    device = os.lstat(top).st_dev
    for directory, names, files in os.walk(top):
        found = {name: status_of(os.path.join(directory, name)) for name in files + names}
        found = {name: status for name, status in found.items() if status and status.st_dev == device}
        names[:] = sorted(name for name in names if name in found)
        for name in sorted(found):
            yield os.path.join(directory, name), found[name]


def status_of(path: str):
    try:
        return os.lstat(path)
    except OSError:
        return None  # went away meanwhile


def choose(settings: Settings) -> list:
    """Whole directories, picked by the hash of their names, until the tree has the size wanted."""
    directories = {}
    for path, status in walk(settings.source):
        if stat.S_ISREG(status.st_mode) and status.st_size > LARGEST_CHOSEN_FILE:
            continue
        if not stat.S_ISSOCK(status.st_mode):
            directories.setdefault(os.path.dirname(path), []).append((path, status))
    count = sum(len(entries) for entries in directories.values())
    total = sum(status.st_size for entries in directories.values() for _, status in entries)
    share = min(settings.size.tree_entries / count, settings.size.tree_bytes / total)
    chosen = {str(settings.source)}
    for directory, entries in directories.items():
        if hash_fraction(directory) < share:
            chosen.update(str(parent) for parent in Path(directory).parents if parent.parts[1:])
            chosen.add(directory)
            chosen.update(path for path, status in entries if not stat.S_ISDIR(status.st_mode))
    return sorted(chosen)


def hash_fraction(text: str) -> float:
    digest = hashlib.sha256(os.fsencode(text)).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def write_list(path: Path, names: list):
    path.write_bytes(b"".join(os.fsencode(name) + b"\0" for name in names))


def copy(settings: Settings, files: list, top: Path):
    chosen = settings.scratch / "chosen_files"
    write_list(chosen, [os.path.relpath(path, "/") for path in files])
    run(
        ["tar", "-C", "/", *TAR_FORMAT, "--null", "--no-recursion", f"--files-from={chosen}", "-cf", "-"],
        ["tar", "-C", top, "--numeric-owner", "--acls", "--xattrs", "-xpf", "-"],
        allowed=(0, 1),  # 1: a file changed while it was read, which is fine here
    )


def make_large_file(settings: Settings, path: Path):
    """This machine's programs and libraries, one after the other."""
    left = settings.size.large_bytes
    with open(path, "wb") as large:
        for source, status in walk(settings.source):
            if left == 0:
                return
            if not stat.S_ISREG(status.st_mode) or not status.st_mode & 0o111 and ".so" not in source:
                continue
            if status.st_size >= 256 * KIB:
                with open(source, "rb") as binary:
                    left -= large.write(binary.read(min(left, 32 * MB)))


def make_tar(directory: Path, names: list, path: Path):
    run(["tar", "-C", directory, *TAR_FORMAT, "--sort=name", "-cf", path, *names])


def make_squashfs(top: Path, path: Path):
    options = ["-comp", "gzip", "-Xcompression-level", "6", "-b", "256K"]
    run(["mksquashfs", top, path, *options, "-noappend", "-quiet", "-no-progress"])


def make_backups(settings: Settings):
    """In each tool's own default compression; restic's is that of its newer repositories."""
    archive = f"{settings.borg_repository}::bench"
    run([*settings.borg, "init", "-e", "none", settings.borg_repository])
    in_tree = ["env", "-C", settings.tree]
    run([*in_tree, *settings.borg, "create", archive, "srv/bench"])
    run([*settings.restic, "init", "--repository-version", "2"])
    run([*in_tree, *settings.restic, "backup", "srv/bench"])


def make_incompressible(settings: Settings):
    """A tar of random bytes, and of what is compressed on this machine already."""
    directory = settings.scratch / "incompressible"
    directory.mkdir()
    try:
        with open(directory / "random", "wb") as target:
            generator = random.Random(SEED)
            for _ in range(settings.size.random_bytes // MB):
                target.write(generator.randbytes(MB))
        left = settings.size.random_bytes
        for path, status in walk(settings.source):
            if stat.S_ISREG(status.st_mode) and path.endswith(COMPRESSED_SUFFIXES) and left > 0:
                if 16 * KIB <= status.st_size <= left:
                    shutil.copyfile(path, directory / f"{left}-{os.path.basename(path)}")
                    left -= status.st_size
        make_tar(directory, ["."], settings.incompressible)
    finally:
        shutil.rmtree(directory)


def count_entries(top: Path) -> int:
    count = 1 + sum(1 for _ in walk(top))
    if count < SMALL_FILE_COUNT:
        raise Failed(f"{top}: only {count} entries; name a larger tree with --source")
    return count
