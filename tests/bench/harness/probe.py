"""probe.py stat TOP LIST | missing DIRECTORY COUNT | pread FILE COUNT: asks a file system many small things, one by one.

Prints as JSON what that took, without what it takes to start an interpreter, and an answer that is the same everywhere."""

import hashlib
import json
import os
import random
import sys
import time

PIECE = 4096


def main():
    start = time.monotonic()
    what, path, argument = sys.argv[1:]
    answer = {"stat": stat, "missing": missing, "pread": pread}[what](os.fsencode(path), argument)
    print(json.dumps({"seconds": answer[0] - start, "answer": answer[1]}))


def stat(top: bytes, names: str):
    found = [os.lstat(os.path.join(top, name)).st_size for name in open(names, "rb").read().split(b"\0")[:-1]]
    return time.monotonic(), sum(found)


def missing(directory: bytes, count: str):
    """How many of names that are nowhere are not there."""
    absent = 0
    for number in range(int(count)):
        try:
            os.lstat(os.path.join(directory, b"missing-%d" % number))
        except FileNotFoundError:
            absent += 1
    return time.monotonic(), absent


def pread(path: bytes, count: str):
    file = os.open(path, os.O_RDONLY)
    pieces = os.fstat(file).st_size // PIECE
    chosen = random.Random(1)
    read = [os.pread(file, PIECE, PIECE * chosen.randrange(pieces)) for _ in range(int(count))]
    return time.monotonic(), hashlib.sha256(b"".join(read)).hexdigest()


main()
