"""The server of docs/serving.md under load from the same machine, beside calls without a server.

    python -m benchmarks.serving.run              # six loads of three seconds each
    python -m benchmarks.serving.run --seconds 10

Clients are processes with one connection each, which ask again as soon as they have their answer.
They share the processors with the server. A request is a batch of digits as JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from sklearn.datasets import load_digits

import skdeepclust
from benchmarks.common.options import ALWAYS_FRESH, add_options
from benchmarks.common.options import parse as parse_options
from benchmarks.common.records import ROOT, Record
from benchmarks.common.results import kept, recorded
from benchmarks.common.surroundings import surroundings, thread_limit
from benchmarks.serving.tables import PERCENTILES, table
from skdeepclust import ParsimoniousClassifier

BATCHES = (1, 32, 256)
CLIENTS = (1, 4)


def documented_handler(session: onnxruntime.InferenceSession) -> type[BaseHTTPRequestHandler]:
    """Return the server's class as the documentation has it, without a line for each request."""
    text = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    found = re.search(r"^class Handler.*?(?=\n\n\n)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {"json": json, "np": np, "session": session}
    exec(found[0], {**names, "BaseHTTPRequestHandler": BaseHTTPRequestHandler}, names)
    return type("Quiet", (names["Handler"],), {"log_message": lambda *_: None})


def exported(estimator, n_threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        skdeepclust.export(estimator, path)
        return onnxruntime.InferenceSession(path, options)


@contextmanager
def server(session: onnxruntime.InferenceSession) -> Iterator[int]:
    """Run the server and yield its port."""
    running = ThreadingHTTPServer(("127.0.0.1", 0), documented_handler(session))
    running.daemon_threads = True
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield running.server_port
    finally:
        running.shutdown()
        running.server_close()


def client(port: int, batch: list, expected: list, seconds: float) -> list[float]:
    """Return the seconds of each request; an answer that is wrong is an error."""
    body, times = json.dumps(batch), []
    end = time.perf_counter() + seconds
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        while (begin := time.perf_counter()) < end:
            connection.request("POST", "/", body)
            labels = json.loads(connection.getresponse().read())
            times.append(time.perf_counter() - begin)
            assert labels == expected
    return times


def calls(function: Callable[[], object], seconds: float) -> list[float]:
    """Return the seconds of each call."""
    times = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        function()
        times.append(time.perf_counter() - begin)
    return times


def summary(way: str, n_clients: int, size: int, times: list[float], seconds: float) -> Record:
    latency = np.percentile(np.array(times) * 1e3, PERCENTILES).round(2).tolist()
    return {
        "way": way,
        "clients": n_clients,
        "batch": size,
        "requests_per_s": round(len(times) / seconds, 1),
        "samples_per_s": round(size * len(times) / seconds),
        **{f"p{p}_ms": value for p, value in zip(PERCENTILES, latency, strict=True)},
    }


def measure(seconds: float, n_threads: int) -> Iterator[Record]:
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    estimator = ParsimoniousClassifier(n_clusters=10, max_epochs=5, random_state=0, device="cpu")
    session = exported(estimator.fit(X, y), n_threads)
    for size in BATCHES:
        batch = X[:size]
        for way, function in {
            "estimator.predict": lambda batch=batch: estimator.predict(batch),
            "ONNX Runtime": lambda batch=batch: session.run(["labels"], {"X": batch}),
        }.items():
            function()
            yield summary(way, 1, size, calls(function, seconds), seconds)
    context = multiprocessing.get_context("spawn")
    with server(session) as port, context.Pool(max(CLIENTS)) as pool:
        for size in BATCHES:
            given = port, X[:size].tolist(), estimator.predict(X[:size]).tolist()
            pool.starmap(client, [(*given, 0.1)] * max(CLIENTS))  # all processes are up
            for n_clients in CLIENTS:
                told = pool.starmap(client, [(*given, seconds)] * n_clients, chunksize=1)
                times = [each for times in told for each in times]
                yield summary("server", n_clients, size, times, seconds)


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=usage)
    parser.add_argument("--seconds", type=float, default=3, help="of each load (default: 3)")
    add_options(parser, "serving.jsonl", ALWAYS_FRESH)
    options = parse_options(parser, arguments)
    if options.table:
        records = recorded(options.out)
    else:
        with thread_limit(options.threads):
            about = {"experiment": "serving", "seconds": options.seconds, **surroundings()}
            about["run"] = about["date"]
            loads = measure(options.seconds, options.threads)
            records = kept(({**load, **about} for load in loads), options.out)
    print(table(records))


if __name__ == "__main__":
    main()
