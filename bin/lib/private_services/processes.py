"""What runs on this machine: enough to find, signal and await a server and the processes it forked."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """One running process. `born` tells it from a later process that was given the same number."""

    pid: int
    parent: int
    born: str


def running() -> dict[int, Process]:
    """Every live process by its number; one that died and only waits to be collected is left out."""
    return _from_proc() if Path("/proc/self/stat").exists() else _from_ps()


def _from_proc() -> dict[int, Process]:
    table = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            text = (entry / "stat").read_text(errors="replace")
        except OSError:  # ended while we looked
            continue
        # The program's name stands in parentheses and may hold spaces and parentheses itself.
        fields = text[text.rindex(")") + 2 :].split()
        if fields[0] not in "ZX":
            pid = int(entry.name)
            table[pid] = Process(pid, int(fields[1]), fields[19])
    return table


def _from_ps() -> dict[int, Process]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="], capture_output=True, text=True, check=True
    ).stdout
    table = {}
    for line in listing.splitlines():
        pid, parent, state, born = line.split(None, 3)
        if not state.startswith("Z"):
            table[int(pid)] = Process(int(pid), int(parent), born)
    return table


def collect(pid: int) -> None:
    """Take the exit status of our own ended child, so that it leaves no trace; others are not ours to collect."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def find(pid: int, born: str) -> Process | None:
    """The process that was remembered as `pid` and `born`, if it is the one that still runs."""
    collect(pid)
    process = running().get(pid)
    return process if process and process.born == born else None


def family(root: Process) -> list[Process]:
    """The process and all its descendants, parents first."""
    table = running()
    members = [root]
    for member in members:
        members += [process for process in table.values() if process.parent == member.pid]
    return members


def send(processes: list[Process], number: signal.Signals) -> None:
    """Signal each process, passing over those that ended meanwhile."""
    for process in processes:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            continue


def await_end(processes: list[Process], seconds: float) -> bool:
    """Wait until none of the processes runs any more; False when one still does after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        for process in processes:
            collect(process.pid)
        table = running()
        if not any(process.pid in table and table[process.pid].born == process.born for process in processes):
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
