"""Kills by SIGKILL at random moments of small rounds, each gone on with by the same command, until the policy is there.

A run that comes to its end before all kills are done is followed by another one. Not covered: kills of the training
process alone, which is a fault that `improve` tells.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

__all__ = ["killed"]

say = partial(print, file=sys.stderr, flush=True)


def killed(folder: Path, kills: int, seed: int = 0) -> dict[str, Any]:
    """Run once without a kill, then with as many as asked for.

    Returns:
        `kills`, `runs` that were killed, `parts` in which it happened, the policies, and whether all are the same.
    """
    chance = random.Random(seed)
    started = time.monotonic()
    whole = _ended(_begun(folder / "whole"))
    seconds = time.monotonic() - started
    say(f"unkilled: policy {whole} in {seconds:.0f} s")
    parts: Counter[str] = Counter()
    policies: list[str] = []
    while parts.total() < kills:
        place = folder / f"killed-{len(policies)}"
        parts += _cut(place, kills - parts.total(), seconds / 5, chance)
        policies.append(_ended(_begun(place)))
        say(f"{parts.total()} kills ({dict(parts)}): policy {policies[-1]}")
    return {
        "kills": parts.total(),
        "runs": len(policies),
        "parts": dict(parts),
        "policies": sorted({whole, *policies}),
        "same_policy": {whole} == set(policies),
    }


def _cut(place: Path, kills: int, longest: float, chance: random.Random) -> Counter[str]:
    """Kill a run up to so many times, fewer where it comes to its end."""
    parts: Counter[str] = Counter()
    while parts.total() < kills:
        child = _begun(place)
        try:
            child.wait(chance.uniform(0, longest))
            break
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            parts[_part(place)] += 1
    return parts


def _begun(place: Path) -> "subprocess.Popen[str]":
    """Start, and wait for the engine."""
    command = [sys.executable, "-m", "benchmarks.improving.child", str(place)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if child.stdout.readline().strip() != "ready":
        raise RuntimeError(f"the child on {str(place)!r} ended with code {child.wait()} before it began")
    return child


def _ended(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    said = child.stdout.read().strip()
    if child.wait():
        raise RuntimeError(f"the child ended with code {child.returncode}")
    return said.splitlines()[-1]


def _part(place: Path) -> str:
    """Which part of the rounds was written last."""
    found = [path for path in place.glob("round-*/*") if path.is_dir()]
    if not found:
        return "beginning"
    last = max(found, key=lambda path: max(file.stat().st_mtime for file in (path, *path.iterdir())))
    return last.name.removesuffix(".partial")
