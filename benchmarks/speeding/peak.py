"""How many floating-point operations a second this device can do at best: the largest matrix product, repeated.

Run as `python -m benchmarks.speeding.peak`; prints one JSON object. On a GPU the products are bfloat16, as training is
there; on a CPU float32. A data sheet's figure is not reached by any program; it is given besides, where it is known.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

__all__ = ["peak"]

DATA_SHEET: Mapping[str, float] = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16 operations a second, by a part of the device's name (NVIDIA's data sheets)."""
GPU_SIZE, CPU_SIZE, REPEATS = 8192, 2048, 12


def peak() -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.speeding.peak"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Print `device`, `measured` and, where it is known, `data_sheet`."""
    import torch

    gpu = torch.cuda.is_available()
    size, kind = (GPU_SIZE, torch.bfloat16) if gpu else (CPU_SIZE, torch.float32)
    left, right = (torch.randn(size, size, device="cuda" if gpu else "cpu").to(kind) for _ in range(2))
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        left @ right
        if gpu:
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    name = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
    found: dict[str, Any] = {"device": name, "measured": 2 * size**3 / statistics.median(seconds[2:])}
    for part, value in DATA_SHEET.items():
        if part in name:
            found["data_sheet"] = value
    print(json.dumps(found))


if __name__ == "__main__":
    main()
