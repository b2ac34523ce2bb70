"""Where and with what a report was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

_PACKAGES = ("numpy", "scipy", "scikit-learn", "csaps", "pykeops", "sdtheory")


def machine() -> dict[str, Any]:
    """Return cores, processor and memory."""
    affinity = getattr(os, "sched_getaffinity", None)
    return {
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "processor": _processor(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def versions() -> dict[str, str]:
    """Return the versions of what was timed."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def threads() -> list[dict[str, Any]]:
    """Return the thread pools that are loaded, without their places."""
    keys = ("internal_api", "version", "num_threads", "threading_layer", "architecture")
    return [
        {"library": Path(pool["filepath"]).name.partition("-")[0]}
        | {key: pool[key] for key in keys if pool.get(key) is not None}
        for pool in threadpool_info()
    ]


def commit(root: Path) -> str | None:
    """Return the commit that is checked out, marked if files differ from it; None if unknown."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    head = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no", "--", "sdtheory", "benchmarks")
    return head and (f"{head} with changes" if changed else head)
