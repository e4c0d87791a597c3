"""What the figures were made on, and with."""

import os
import re
from datetime import datetime, timezone
from pathlib import Path

from harness.inputs import Inputs
from harness.mounts import file_system_of
from harness.process import output
from harness.settings import GB, MB, Settings


def describe(settings: Settings, inputs: Inputs, load: float) -> dict:
    cpuinfo = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", cpuinfo)
    flags = re.search(r"flags\s*:(.*)", cpuinfo)
    extras = [flag for flag in ("sha_ni", "vpclmulqdq") if flags and flag in flags[1].split()]
    processor = f"{model[1] if model else 'unknown'}, {os.cpu_count()} CPUs"
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit(settings.root),
        "processor": ", ".join([processor, *extras]),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / GB:.0f} GB",
        "disk": file_system_of(settings.scratch),
        "system": f"{system_name()}, Linux {os.uname().release}",
        "load when it began": f"{load:.2f}" + (" (**not quiet: the figures are noise**)" if load > 0.5 else ""),
        "input": f"{inputs.tar_bytes / MB:.0f} MB of tar, {inputs.entries} entries of {settings.source}",
        "peers": versions(),
    }


def commit(root: Path) -> str:
    try:
        git = ["git", "-c", f"safe.directory={root}", "-C", root]
        changed = output(*git, "status", "--porcelain", "--", ":!tests/bench/RESULTS.md").strip()
        return output(*git, "rev-parse", "--short", "HEAD").strip() + (" and changes" if changed else "")
    except Exception:  # no git, or no repository: an exported tree
        return "unknown"


def system_name() -> str:
    found = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return found[1] if found else "unknown"


def versions() -> str:
    packages = ["tar", "gzip", "pigz", "libdeflate0", "squashfuse", "archivemount", "squashfs-tools", "libssh-4"]
    return output("dpkg-query", "-W", "-f", "${Package} ${Version}, ", *packages).rstrip(", ")
