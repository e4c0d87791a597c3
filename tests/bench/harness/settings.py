"""How much is measured, and where it lies meanwhile."""

from dataclasses import dataclass
from pathlib import Path

MB = 1000 * 1000
GB = 1000 * MB
KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Size:
    """How much input there is, and how often each thing is measured."""

    name: str
    tree_bytes: int  # of the small files chosen; `large_bytes` come on top
    tree_entries: int
    large_bytes: int
    random_bytes: int  # in the incompressible input; as much again of real compressed files
    end_to_end_bytes: int
    receive_megabytes: int
    many_archives: tuple  # repositories of so many
    entries_an_archive: int  # in each of those
    one_archive: tuple  # of so many entries
    names: int  # in one directory
    larger_bytes: int  # of files of at least LARGER_FILE_BYTES
    made_up_entries: tuple  # of sidecars without an archive
    long_rounds: int  # for what takes many seconds
    short_rounds: int


MANY, ONE = (1, 10, 100, 1000), (10_000, 100_000, 1_000_000, 10_000_000)
FULL = Size("full", 1450 * MB, 85_000, 146 * MB, 200 * MB, 400 * MB, 1000, MANY, 85_000, ONE, 100_000, 400 * MB, (100_000, 1_000_000), 3, 5)
SMALL = Size("small", 160 * MB, 10_000, 40 * MB, 30 * MB, 60 * MB, 200, MANY[:3], 8500, ONE[:2], 10_000, 40 * MB, (10_000, 100_000), 3, 5)

LARGEST_CHOSEN_FILE = 4 * MIB  # keeps the mean near what a service's volume has
SMALL_FILE_BYTES = 16 * KIB  # what "small" means where 300 small files are read
SMALL_FILE_COUNT = 300
RANDOM_READS = 300
MISSING_NAMES = 10_000
READERS = 8
LARGER_FILE_BYTES = 64 * KIB  # what copying is measured with, beside the tree of small files
SEED = 20261123


@dataclass(frozen=True)
class Settings:
    size: Size
    source: Path  # whose files are the input
    root: Path  # of the source tree of orcio
    scratch: Path  # on a real disk; everything below is the harness's own
    budget: float  # seconds that any one measurement of a peer may take
    keep: bool  # leave the inputs for the next run
    backup_tools: bool  # mount what borg and restic make, too

    @property
    def release(self) -> Path:
        return self.root / "build/release"

    @property
    def orcio(self) -> Path:
        return self.release / "cli/orcio"

    def program(self, name: str) -> Path:
        return self.release / "bench" / name

    @property
    def tree(self) -> Path:
        """Holds srv/bench, what the tar holds."""
        return self.scratch / "tree"

    @property
    def tar(self) -> Path:
        return self.scratch / "tree.tar"

    @property
    def peer_archive(self) -> Path:
        """The same tar in one gzip member, as other tools make it."""
        return self.scratch / "tree.tar.gz"

    @property
    def squashfs(self) -> Path:
        return self.scratch / "tree.squashfs"

    @property
    def borg_repository(self) -> Path:
        return self.scratch / "borg"

    @property
    def borg(self) -> list:
        unencrypted = "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes"
        return ["env", f"BORG_BASE_DIR={self.scratch / 'borg-home'}", unencrypted, "borg"]

    @property
    def restic(self) -> list:
        places = ["-r", self.scratch / "restic", "--cache-dir", self.scratch / "restic-cache"]
        return ["env", "RESTIC_PASSWORD=bench", "restic", *places]

    @property
    def incompressible(self) -> Path:
        return self.scratch / "incompressible.tar"

    @property
    def repository(self) -> Path:
        return self.scratch / "repository"

    @property
    def archive(self) -> Path:
        return self.repository / "bench-2026-11-23T020000Z.tar.gz"

    @property
    def sidecar(self) -> Path:
        return Path(f"{self.archive}.idx")

    @property
    def mountpoint(self) -> Path:
        return self.scratch / "mnt"

    def output(self, name: str) -> Path:
        """Where a measured program's output goes; not kept."""
        return self.scratch / "out" / name
