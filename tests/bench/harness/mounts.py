"""Mounts one tree as orcio and its peers do, and leaves nothing mounted."""

import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from harness.process import Failed, cpu_seconds, memory, run
from harness.settings import Settings


ORCIO = "orcio"


@dataclass(frozen=True, eq=False)
class Peer:
    """A way to see the tree. Words of `command` that are {} stand for the mountpoint."""

    name: str
    command: Optional[list]  # nothing where there is nothing to mount
    top: Path  # below the mountpoint: what the tree's top is called there
    unmount: tuple = ("umount", "{}")
    foreground: bool = False  # the command serves the mount, and ends with it
    reference: bool = False  # reads no compressed archive, or not in user space

    @property
    def may_be_given_up(self) -> bool:
        """Where it takes too long; not what the others are put beside."""
        return not self.reference and self.name != ORCIO


@dataclass(frozen=True)
class Mounted:
    peer: Peer
    root: Path
    pid: Optional[int]  # of the process that answers, where it is one
    seconds: float  # until it was mounted

    def rss(self) -> int:
        return memory(self.pid, "VmRSS") if self.pid else 0

    def cpu(self) -> float:
        return cpu_seconds(self.pid) if self.pid else 0

    def counters(self) -> dict:
        """What `orcio status --mount` shows; empty for others."""
        if self.peer.name != ORCIO:
            return {}
        mountpoint = next(path for path in [self.root, *self.root.parents] if path.is_mount())
        lines = os.getxattr(mountpoint, "user.orcio.counters").decode().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def end(self):
        """The process, where it is one: whoever waits for its answer then gets an error."""
        if self.pid:
            kill(self.pid)


class TooSlow(Exception):
    """The time budget of what it names ran out."""


def peers(settings: Settings, tree: Path) -> list:
    """The disk itself first: what it answers is right."""
    date = settings.archive.name.removeprefix("bench-").removesuffix(".tar.gz")
    orcio = [settings.orcio, "-r", settings.repository, "mount", "{}"]
    archivemount = ["archivemount", "-o", "readonly", settings.peer_archive, "{}"]
    kernel = ["mount", "-t", "squashfs", "-o", "loop,ro", settings.squashfs, "{}"]
    unmount = (settings.orcio, "umount", "{}")
    found = [
        Peer(f"this disk ({file_system_of(tree)})", None, tree, reference=True),
        Peer(ORCIO, orcio, Path("bench", date, "srv/bench"), unmount),
        Peer("squashfs, kernel", kernel, Path(), reference=True),
        Peer("squashfuse_ll", ["squashfuse_ll", settings.squashfs, "{}"], Path()),
        Peer("archivemount", archivemount, Path("srv/bench")),
    ]
    return found + (backup_tools(settings) if settings.backup_tools else [])


def backup_tools(settings: Settings) -> list:
    borg = [*settings.borg, "mount", f"{settings.borg_repository}::bench", "{}"]
    restic = [*settings.restic, "mount", "{}"]
    return [
        Peer("borg", borg, Path("srv/bench")),
        Peer("restic", restic, Path("snapshots/latest/srv/bench"), foreground=True),
    ]


def file_system_of(path: Path) -> str:
    """The type of the file system that holds `path`."""
    device = os.stat(path).st_dev
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        major, minor = fields.split()[2].split(":")
        if os.makedev(int(major), int(minor)) == device:
            return rest.split()[0]
    return "unknown"


def drop_caches():
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3")


@contextmanager
def mounted(peer: Peer, mountpoint: Path, budget: float):
    if peer.command is None:
        yield Mounted(peer, peer.top, None, 0)
        return
    server = []
    try:
        start = time.monotonic()
        if peer.foreground:
            server.append(serve(peer, mountpoint, budget))
        elif run(fill_in(peer.command, mountpoint), timeout=budget).timed_out:
            raise TooSlow("mount")
        seconds = time.monotonic() - start
        if not is_mounted(mountpoint):
            raise Failed(f"{peer.name}: nothing is mounted at {mountpoint}")
        yield Mounted(peer, mountpoint / peer.top, server_of(mountpoint), seconds)
    finally:
        unmount(peer, mountpoint)
        for process in server:
            process.wait()


def serve(peer: Peer, mountpoint: Path, budget: float) -> subprocess.Popen:
    """Starts a command that serves a mount, and waits until it does, has ended, or has had its time."""
    command = [str(word) for word in fill_in(peer.command, mountpoint)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + budget
    while not is_mounted(mountpoint) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    if not is_mounted(mountpoint):
        process.kill()
        process.wait()
    return process


def fill_in(command, mountpoint: Path) -> list:
    return [mountpoint if word == "{}" else word for word in command]


def unmount(peer: Peer, mountpoint: Path):
    pid = server_of(mountpoint)
    if is_mounted(mountpoint):
        try:
            run(fill_in(peer.unmount, mountpoint), timeout=20, on_timeout=lambda: pid and kill(pid))
        except Failed:
            pass
    if is_mounted(mountpoint):
        run(["umount", "-l", mountpoint])
    if pid and not ended(pid, 20):
        kill(pid)
        ended(pid, 20)


def is_mounted(mountpoint: Path) -> bool:
    mountinfo = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(line.split()[4] == str(mountpoint) for line in mountinfo)


def server_of(mountpoint: Path) -> Optional[int]:
    """The process in the background whose command line names the mountpoint."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if os.fsencode(mountpoint) in words:
                return int(name)
    return None


def kill(pid: int):
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        pass


def ended(pid: int, seconds: float) -> bool:
    """Whether the process ends within that time; one that only its parent has not noticed has."""
    deadline = time.monotonic() + seconds
    while memory(pid, "VmSize"):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
