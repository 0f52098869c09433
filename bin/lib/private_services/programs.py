"""Where this machine keeps the programs we need, and how a missing one is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

# What each need is called as a Debian package, and the program that shows it is there.
DEBIAN_PACKAGES = {
    "postgres": ("postgresql", "postgres"),
    "rabbitmq": ("rabbitmq-server", "rabbitmq-server"),
    "redis": ("redis-server", "redis-server"),
    "chromium": ("chromium", "chromium"),
    "gettext": ("gettext", "msgfmt"),
    "shellcheck": ("shellcheck", "shellcheck"),
}
REFUSE_TO_START = "#!/bin/sh\nexit 101\n"


def find(program: str) -> str | None:
    """The full path of a program, also where Debian hides server programs from the PATH; None when missing."""
    # Debian's own rabbitmq-server on the PATH insists on the system's user and folders: the one behind it does not.
    hidden = [
        f"/usr/lib/rabbitmq/bin/{program}",
        *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{program}")), key=_version),
    ]
    for path in reversed(hidden):
        if os.access(path, os.X_OK):
            return path
    return shutil.which(
        program, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/opt/homebrew/sbin"
    )


def _version(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]


def missing(needs: Sequence[str]) -> list[str]:
    """Which of the needs (keys of DEBIAN_PACKAGES) this machine lacks."""
    return [need for need in needs if find(DEBIAN_PACKAGES[need][1]) is None]


def install(needs: Sequence[str]) -> list[str]:
    """Install what is missing of the needs, as far as this user may, and say so; return what is still missing."""
    lacking = missing(needs)
    packages = [DEBIAN_PACKAGES[need][0] for need in lacking]
    if not packages:
        return []
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"missing: {', '.join(lacking)} (on Debian: sudo apt-get install {' '.join(packages)})",
            file=sys.stderr,
        )
        return lacking
    print(
        f"installing Debian packages, missing on this machine: {' '.join(packages)}",
        file=sys.stderr,
        flush=True,
    )
    with tempfile.NamedTemporaryFile("w+", prefix="apt-", suffix=".log") as log:
        # An old package list may name versions that the mirror no longer has: refresh it, then try once more.
        if not _apt(log.fileno(), "install", *packages):
            _apt(log.fileno(), "update")
            if not _apt(log.fileno(), "install", *packages):
                log.seek(0)
                tail = log.read().splitlines()[-8:]
                print("apt-get failed:\n  " + "\n  ".join(tail), file=sys.stderr)
    return missing(lacking)


def _apt(log: int, verb: str, *packages: str) -> bool:
    """Run apt-get without questions, keeping the packages from starting servers of their own on the standard ports."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text(REFUSE_TO_START)
        policy.chmod(0o755)
    options = ["-y", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    if verb == "install":
        options.append("--no-install-recommends")
    try:
        done = subprocess.run(
            ["apt-get", verb, *options, *packages],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    finally:
        if ours:
            policy.unlink(missing_ok=True)
    return done.returncode == 0


def container_engine() -> str | None:
    """A container engine that answers, or None: the client alone is often installed where no engine runs."""
    for name in ("docker", "podman"):
        engine = shutil.which(name)
        if engine is None:
            continue
        try:
            answer = subprocess.run([engine, "info"], capture_output=True, timeout=10)
        except subprocess.TimeoutExpired:
            continue
        if answer.returncode == 0 and b"Cannot connect" not in answer.stderr:
            return engine
    return None
