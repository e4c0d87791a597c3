"""Runs programs and says what they cost."""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Callable, Iterable, Optional, Sequence


LONGEST_MESSAGE = 2000


class Failed(Exception):
    """A program ended otherwise than it should have."""


@dataclass(frozen=True)
class Usage:
    """Of one program or a whole pipeline. `rss` is its largest process's peak, in bytes."""

    wall: float
    cpu: float  # user and system seconds of all processes
    rss: int
    timed_out: bool = False


def median_usage(usages: Iterable[Usage]) -> Usage:
    usages = list(usages)
    return Usage(
        median(usage.wall for usage in usages),
        median(usage.cpu for usage in usages),
        max(usage.rss for usage in usages),
        any(usage.timed_out for usage in usages),
    )


def memory(pid: int, field: str) -> int:
    """VmHWM, VmRSS, RssAnon... of a process in bytes; 0 once it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{field}:\s*(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a running process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class PeakMemory:
    """Watches processes' VmHWM: the ru_maxrss that wait4 gives starts at this interpreter's own."""

    def __init__(self, pids: Sequence[int]):
        self.peak = 0
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self.peak

    def _watch(self):
        while True:
            self.peak = max([self.peak, *(memory(pid, "VmHWM") for pid in self._pids)])
            if self._ended.wait(0.02):
                return


class Pipeline:
    """Programs joined by pipes."""

    def __init__(self, commands, stdin: Optional[Path], stdout: Optional[Path], cpus):
        self.processes = []
        self._handles = []  # of the same processes: an id alone may already be another's
        self._errors = tempfile.TemporaryFile()
        self._pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
        source = open(stdin or os.devnull, "rb")
        try:
            for command in commands[:-1]:
                source = self._start(command, source, subprocess.PIPE)
            with open(stdout or os.devnull, "wb") as target:
                self._start(commands[-1], source, target)
        except BaseException:
            source.close()
            self.kill()
            self.wait()
            raise

    def _start(self, command, source, target):
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=source,
            stdout=target,
            stderr=self._errors,
            preexec_fn=self._pin,
        )
        source.close()
        self.processes.append(process)
        self._handles.append(os.pidfd_open(process.pid))
        return process.stdout

    def kill(self):
        for handle in self._handles:
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def wait(self) -> float:
        """CPU seconds of all, once all have ended."""
        return sum(self._wait(process) for process in self.processes if process.returncode is None)

    def _wait(self, process) -> float:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        return used.ru_utime + used.ru_stime

    def close(self):
        for handle in self._handles:
            os.close(handle)
        self._errors.close()

    def check(self, allowed: Sequence[int]):
        for process in self.processes:
            if process.returncode not in allowed:
                self._errors.seek(0)
                said = self._errors.read().decode(errors="replace").strip()[:LONGEST_MESSAGE]
                raise Failed(f"{' '.join(process.args)} ended with {process.returncode}: {said}")


def run(
    *commands: Sequence,
    stdin: Optional[Path] = None,
    stdout: Optional[Path] = None,
    timeout: Optional[float] = None,
    on_timeout: Callable[[], None] = lambda: None,
    cpus: Optional[set] = None,
    allowed: Sequence[int] = (0,),
) -> Usage:
    """Runs a pipeline to its end, or kills it after `timeout` seconds (`on_timeout` goes first)."""
    expired = threading.Event()

    def expire():
        expired.set()
        on_timeout()
        pipeline.kill()

    start = time.monotonic()
    pipeline = Pipeline(commands, stdin, stdout, cpus)
    watched = PeakMemory([process.pid for process in pipeline.processes])
    timer = threading.Timer(timeout or threading.TIMEOUT_MAX, expire)
    timer.start()
    try:
        cpu = pipeline.wait()
        wall = time.monotonic() - start
        if not expired.is_set():
            pipeline.check(allowed)
    except BaseException:
        pipeline.kill()
        pipeline.wait()
        raise
    finally:
        timer.cancel()
        timer.join()
        rss = watched.stop()
        pipeline.close()
    return Usage(wall, cpu, rss, expired.is_set())


def output(*command) -> str:
    """What a program prints."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "output"
        run(command, stdout=path)
        return path.read_text()
