"""What came out, for people (Markdown) and for programs (JSON)."""

import json
from dataclasses import asdict, dataclass, field
from typing import Optional

from harness.settings import GB, MIB


@dataclass(frozen=True)
class Table:
    caption: str
    headers: list
    rows: list  # of lists of texts

    def markdown(self) -> str:
        aligned = ["---"] + ["---:"] * (len(self.headers) - 1)
        lines = [self.headers, aligned, *self.rows]
        return f"{self.caption}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


@dataclass(frozen=True)
class Goal:
    what: str
    figure: str
    reached: Optional[bool]  # nothing where it was not measured

    def markdown(self) -> str:
        word = {True: "yes", False: "**no**", None: "not measured"}[self.reached]
        return f"| {self.what} | {self.figure} | {word} |"


@dataclass
class Section:
    """One thing measured."""

    title: str
    about: str
    tables: list = field(default_factory=list)
    goals: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    figures: dict = field(default_factory=dict)  # as measured, for programs

    def markdown(self) -> str:
        parts = [f"## {self.title}\n", f"{self.about}\n"]
        parts += [table.markdown() for table in self.tables]
        parts += [f"{note}\n" for note in self.notes]
        if self.goals:
            parts.append("| goal | measured | reached |\n|---|---|---|")
            parts[-1] += "".join(f"\n{goal.markdown()}" for goal in self.goals) + "\n"
        return "\n".join(parts)


def at_most(what: str, value: Optional[float], limit: float, shown: str) -> Goal:
    """The goal that `value` be at most `limit`."""
    return Goal(what, shown if value is not None else "", value <= limit if value is not None else None)


def markdown(sections: list, machine: dict, command: str) -> str:
    lines = ["# Results\n", f"Written by `{command}`. [README.md](README.md) says what is measured and how.\n"]
    lines.append("| machine | |\n|---|---|")
    lines[-1] += "".join(f"\n| {key} | {value} |" for key, value in machine.items()) + "\n"
    return "\n".join(lines + [section.markdown() for section in sections])


def as_json(sections: list, machine: dict) -> str:
    document = {
        "machine": machine,
        "sections": [
            {
                "title": section.title,
                "figures": section.figures,
                "goals": [asdict(goal) for goal in section.goals],
            }
            for section in sections
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def seconds(value: float) -> str:
    if value < 0.01:
        return f"{value * 1000:.2f} ms"
    return f"{value:.3f} s" if value < 1 else f"{value:.2f} s" if value < 100 else f"{value:.0f} s"


def mebibytes(value: float) -> str:
    return f"{value / MIB:.1f} MiB" if value else "-"


def per_gb(value: float, tar_bytes: int) -> str:
    return f"{value / tar_bytes * GB:.2f}"


def ratio(value: float, to: float) -> str:
    return f"{value / to:.2f}" if to else "-"
