"""How fast a stream comes in over SSH; bench_receive_rate measures it and prints its own table."""

from harness.inputs import Inputs, say
from harness.process import output
from harness.report import Section
from harness.settings import Settings


def measure(settings: Settings, inputs: Inputs) -> Section:
    section = Section("Receive", "A stream from a private sshd on loopback, through orcio's own SSH and its peers.")
    program = settings.program("bench_receive_rate")
    if program.exists():
        say("receive: bench_receive_rate")
        printed = output(program).strip()
        section.notes.append(f"```\n{printed}\n```")
        section.figures["printed"] = printed
    else:
        section.notes.append("bench_receive_rate was not built.")
    return section
