"""How fast a stream comes in over SSH; receive_rate measures it and prints its own table."""

import re

from harness.inputs import Inputs, say
from harness.process import output
from harness.report import Goal, Section
from harness.settings import Settings

GOAL = "at least 0.9 x what libssh gives with aes256-gcm"


def measure(settings: Settings, inputs: Inputs) -> Section:
    size = settings.size
    about = f"{size.receive_megabytes} MB from a private sshd on loopback, median of {size.short_rounds}."
    section = Section("Receive", about)
    say("receive: receive_rate")
    printed = output(settings.program("receive_rate"), size.receive_megabytes, size.short_rounds).rstrip()
    section.notes.append(f"```\n{printed}\n```")
    section.figures["printed"] = printed
    found = re.search(r"^libssh, aes256-gcm\s.*\s([0-9.]+) x$", printed, re.MULTILINE)
    times = float(found[1]) if found else None
    section.goals.append(Goal(GOAL, f"{times} x" if found else "", times >= 0.9 if found else None))
    return section
