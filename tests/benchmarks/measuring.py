"""How the engine's benchmarks measure: rounds, ratios with spread, memory.

``BENCHMARK_ROUNDS`` rounds (3) in which all sides run in turn; a side that has used up
``BENCHMARK_SECONDS`` (20) sits out the rest. ``BENCHMARK_CLOCK=cpu`` counts the time of
the processor instead of the wall's, for a machine with other work: set
``OMP_NUM_THREADS=1`` with it.
"""

import ctypes
import gc
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

Side = Callable[[], object]

ROUNDS = int(os.environ.get("BENCHMARK_ROUNDS", "3"))
SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "20"))
USES_CPU_TIME = os.environ.get("BENCHMARK_CLOCK") == "cpu"

_TESTS = Path(__file__).parents[1]
_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def read_clock() -> float:
    """Seconds, once what the device was asked for is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.process_time() if USES_CPU_TIME else time.perf_counter()


def time_sides(sides: Mapping[str, Side]) -> dict[str, list[float]]:
    """Seconds of each side, round by round."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            if sum(seconds[name]) > SECONDS:
                continue
            started = read_clock()
            side()
            seconds[name].append(read_clock() - started)
    return seconds


def compare(seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """How many times the first side's time each other side takes, by medians."""
    first, *others = seconds
    base = statistics.median(seconds[first])
    return {name: statistics.median(seconds[name]) / base for name in others}


def print_times(title: str, seconds: Mapping[str, Sequence[float]]) -> None:
    """A line a side: median seconds, its ratio to the first, and the ratio's range."""
    first, *_ = seconds
    ratios = {first: 1.0, **compare(seconds)}
    low, high = min(seconds[first]), max(seconds[first])
    say(f"\n{title}")
    for name, times in seconds.items():
        span = f"({min(times) / high:.2f} to {max(times) / low:.2f})"
        taken = statistics.median(times)
        say(f"  {name:<26}{taken:9.3f} s  x{ratios[name]:6.2f} {span}")


def say(line: str) -> None:
    """Prints, which is what a benchmark is for."""
    print(line, flush=True)  # noqa: T201


def measure_peaks(
    script: str, side: str, cases: Sequence[Sequence[object]]
) -> list[float]:
    """Peak MiB that a side needs beside the model, case by case, in a fresh process.

    The script is a module beside this one, run with the side and the cases; it prints
    one number per case.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(_TESTS), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", script, side, json.dumps(cases)],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return [float(line) for line in done.stdout.splitlines() if line]


def can_measure_peaks() -> bool:
    """Whether the system tells a process its peak and lets it begin anew."""
    return _STATUS.is_file() and _CLEAR_REFS.exists()


def return_freed_memory() -> None:
    """From here on what is freed goes back to the system at once, so that the resident
    size is what is really held."""
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(_MMAP_THRESHOLD, 1 << 16)
    libc.mallopt(_TRIM_THRESHOLD, 1 << 16)


def measure_peak(side: Side) -> float:
    """MiB that a call needs at its highest, on the device if there is one."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        side()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    before = _read_status("VmRSS")
    _CLEAR_REFS.write_text("5")  # the peak is the present size again
    side()
    return (_read_status("VmHWM") - before) / 2**10


def _read_status(key: str) -> int:
    found = re.search(rf"^{key}:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
    assert found is not None, "every Linux has it"
    return int(found.group(1))
