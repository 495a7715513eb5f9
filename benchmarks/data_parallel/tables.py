"""Tables of fits by several processes, and the arithmetic for more workers than there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.common.records import Record
from benchmarks.common.tables import markdown

# What is assumed of a network: bytes a second that a worker sends, and seconds until a message
# of none has arrived.
LINKS = {"10 Gbit/s": (1.25e9, 50e-6), "100 Gbit/s": (12.5e9, 10e-6)}


def newest(records: Sequence[Record], kind: str) -> dict[tuple, Record]:
    """Return the last line of each setting."""
    return {
        (r["data"], r["method"], r["batch_size"], r["size"]): r
        for r in records
        if r["kind"] == kind
    }


def processes_table(records: Sequence[Record]) -> str:
    """Return seconds and bytes of real processes."""
    found = newest(records, "processes")
    rows = []
    for (data, method, batch_size, size), r in found.items():
        one = found.get((data, method, batch_size, 1), r)
        rows.append(
            [
                method,
                data,
                batch_size,
                size,
                f"{1e3 * r['step_seconds']:.0f}",
                f"{one['step_seconds'] / r['step_seconds']:.2f}",
                f"{1e3 * r['cpu_seconds']:.0f}",
                f"{one['cpu_seconds'] / r['cpu_seconds']:.2f}",
                round(r["calls"]),
                f"{r['reduced'] / 1e6:.2f}",
                f"{r['gathered'] / 1e6:.3f}",
            ]
        )
    header = ["method", "data", "batch", "processes", "ms a step", "speed-up"]
    header += ["CPU ms a process", "ratio", "messages", "MB reduced", "MB gathered of each"]
    return markdown(header, rows)


def network_seconds(record: Record, bandwidth: float, latency: float) -> float:
    """Return how long the messages of a step take between so many workers.

    A sum over R workers of B bytes sends 2 B (R - 1) / R from each; gathering b bytes of each
    sends b (R - 1). Each message takes at least the latency of 2 log2(R) hops.
    """
    size = record["size"]
    n_bytes = 2 * record["reduced"] * (size - 1) / size + record["gathered"] * (size - 1)
    hops = 2 * math.ceil(math.log2(size)) if size > 1 else 0
    return n_bytes / bandwidth + record["calls"] * hops * latency


def workers_table(records: Sequence[Record]) -> str:
    """Return seconds a step, of one worker as measured, of the network as worked out."""
    found = newest(records, "worker")
    rows = []
    for (data, method, batch_size, size), r in found.items():
        one = found.get((data, method, batch_size, 1), r)["cpu_seconds"]
        row = [method, data, batch_size, size, f"{1e3 * r['cpu_seconds']:.0f}"]
        row += [f"{r['reduced'] / 1e6:.2f}", f"{r['gathered'] * (size - 1) / 1e6:.2f}"]
        for bandwidth, latency in LINKS.values():
            seconds = network_seconds(r, bandwidth, latency)
            row += [f"{1e3 * seconds:.1f}", f"{one / (r['cpu_seconds'] + seconds):.1f}"]
        rows.append(row)
    header = ["method", "data", "batch", "workers", "CPU ms a step", "MB reduced", "MB gathered"]
    for name in LINKS:
        header += [f"ms at {name}", "speed-up"]
    return markdown(header, rows)


TABLES = {"distributed-processes": processes_table, "distributed-workers": workers_table}
