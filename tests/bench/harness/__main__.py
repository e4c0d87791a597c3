"""Measures, and writes the results. tests/bench/run builds everything first and calls this."""

import argparse
import os
import signal
import sys
from pathlib import Path

from harness import archive, copying, foreign, machine, mounting, names, readers, receive, report, scale, sidecar
from harness.inputs import Inputs, remove, say
from harness.process import Failed
from harness.settings import FULL, SMALL, Settings

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = {
    "archive": archive.measure,
    "receive": receive.measure,
    "sidecar": sidecar.measure,
    "foreign": foreign.measure,
    "mount": mounting.measure,
    "names": names.measure,
    "copying": copying.measure,
    "readers": readers.measure,
    "scale": scale.measure,
}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="Measures orcio beside its peers.")
    parser.add_argument("--size", choices=["full", "small"], default="full", help="how much input (default: full)")
    parser.add_argument("--source", type=Path, default=Path("/usr"), help="whose files are the input (default: /usr)")
    parser.add_argument("--scratch", type=Path, default=ROOT / "build/bench", help="a directory on a real disk")
    parser.add_argument("--only", default=",".join(SECTIONS), help="some of: %(default)s")
    parser.add_argument("--budget", type=float, default=20, help="seconds that one measurement of a peer may take")
    parser.add_argument("--keep", action="store_true", help="leave the inputs for the next run of the same size")
    parser.add_argument("--backup-tools", action="store_true", help="mount what borg and restic make, too")
    arguments = parser.parse_args()
    arguments.only = arguments.only.split(",")
    for name in arguments.only:
        if name not in SECTIONS:
            parser.error(f"--only: there is no {name}")
    return arguments


def settings_of(arguments: argparse.Namespace) -> Settings:
    size = {"full": FULL, "small": SMALL}[arguments.size]
    scratch = arguments.scratch.resolve() / f"inputs-{size.name}"
    source, options = arguments.source.resolve(), (arguments.budget, arguments.keep, arguments.backup_tools)
    return Settings(size, source, ROOT, scratch, *options)


def write(arguments: argparse.Namespace, sections: list, facts: dict):
    complete = arguments.size == "full" and arguments.only == list(SECTIONS)
    directory = ROOT / "build/bench"
    directory.mkdir(parents=True, exist_ok=True)
    text = report.markdown(sections, facts, " ".join(["tests/bench/run", *sys.argv[1:]]))
    target = ROOT / "tests/bench/RESULTS.md" if complete else directory / f"RESULTS-{arguments.size}.md"
    target.write_text(text)
    (directory / "results.json").write_text(report.as_json(sections, facts))
    print(text)
    say(f"written: {target} and {directory / 'results.json'}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    arguments = parse_arguments()
    settings = settings_of(arguments)
    load = os.getloadavg()[0]
    settings.scratch.parent.mkdir(parents=True, exist_ok=True)
    try:
        inputs = Inputs(settings)
        facts = machine.describe(settings, inputs, load)
        sections = [SECTIONS[name](settings, inputs) for name in arguments.only]
        write(arguments, sections, facts)
    except Failed as failure:
        sys.exit(f"tests/bench/run: {failure}")
    finally:
        if not settings.keep:
            remove(settings)


main()
