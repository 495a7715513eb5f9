"""What `make mutation` came to: the share of mutants that tests notice, and the others.

    make mutation                   # losses, graph, dictionary and metrics: 20 minutes
    python -m benchmarks.mutation.run   # the tables of the last run

mutmut changes one thing after the other in the code, such as `<` to `<=`, and runs the tests that
come by it. A mutant that all of them let pass has survived. This script sorts the survivors by why
they can, and writes one line each to `benchmarks/results/mutation.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from benchmarks.common.records import RESULTS, ROOT
from benchmarks.common.tables import markdown

MUTANTS = ROOT / "mutants"
OUT = RESULTS / "mutation.jsonl"
KILLED = ("killed", "timeout")
# The first reason whose pattern is found in what was changed, or in the name of the mutant.
REASONS = {
    "text of a message": r'^[-+] +(raise \w+\()?f?".*(XX|[A-Z]{5}|\(n, c)|XX and XX|AND |"XXXX"',
    "array API: numpy's arrays stay numpy's": r"array_api_dispatch",
    "device: there is one in the tests": r"device=None|\.device\b.*\n\+.*(, \)|or True)"
    r"|_numbered\(None|BYTES_OF_A_TILE|\.to\(None\)",
    "dtype, order or copy of what is the same without": r"dtype=|astype|X\.dtype|order=|copy=|int\)"
    r"|out=|output_size|strict=|dim\)|axis=",
    "how much is worked on at a time": r"numbers_a_row|BLOCK_SIZE|n_columns|n_rows|tile_side"
    r"|tiles\(|_pieces|row_chunks|side = |4 \* len\(free\)|COMPARED_SAMPLES|divergence\), None",
    "one of two ways to the same sum": r"xcov_loss|decov_loss|small|same_label|is_product|log_ratio"
    r"|of_small_runs|log_p|fewer|excess >|hinge >|> 0\)",
    "a tie, or rounding": r"kind=|ALIKE|eps|SAFE_EXPONENT|noise|least_rest|>=|<=",
    "default that no test relies on": r"float = |n_steps: int",
    "checked once more behind it": r"check_same_shape|check_ndim|estimator=|reset=|ensure_min",
}


def mutants() -> Iterator[dict]:
    """Yield each mutant with its file, its fate, and for survivors what was changed."""
    for path in sorted(MUTANTS.rglob("*.py.meta")):
        source = path.relative_to(MUTANTS).with_suffix("")
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        for name, code in codes.items():
            mutant = {"file": source.as_posix(), "mutant": name, "fate": status_by_exit_code[code]}
            if mutant["fate"] not in KILLED:
                mutant |= change_of(name, source)
            yield mutant


def change_of(name: str, source: Path) -> dict[str, str]:
    """Return the changed lines, and the reason why that may go unnoticed."""
    lines = get_diff_for_mutant(name, path=source).splitlines()
    change = "\n".join(line for line in lines if re.match(r"[-+] ", line))
    found = (
        reason for reason, pattern in REASONS.items() if re.search(pattern, change + name, re.M)
    )
    return {"change": change, "reason": next(found, "a test is missing")}


def table(found: list[dict]) -> str:
    """Return the share of mutants killed, by file and in all."""
    fates: dict[str, Counter] = {}
    for mutant in found:
        for name in (mutant["file"], "all"):
            fates.setdefault(name, Counter())[mutant["fate"] in KILLED] += 1
    fates["all"] = fates.pop("all")  # at the end
    rows = [
        [name, sum(of.values()), of[True], f"{of[True] / sum(of.values()):.1%}"]
        for name, of in fates.items()
    ]
    return markdown(["file", "mutants", "killed", "share"], rows)


def reasons(found: list[dict]) -> str:
    """Return how many survive for each reason."""
    counts = Counter(mutant["reason"] for mutant in found if "reason" in mutant)
    return markdown(["why it may survive", "mutants"], counts.most_common())


def main(arguments: Sequence[str] | None = None) -> None:
    usage = argparse.RawDescriptionHelpFormatter
    name = "python -m benchmarks.mutation.run"
    parser = argparse.ArgumentParser(name, description=__doc__, formatter_class=usage)
    parser.parse_args(arguments)
    found = list(mutants())
    if not found:
        raise SystemExit("There are no mutants: run `make mutation`.")
    survivors = (json.dumps(m, ensure_ascii=False) for m in found if "reason" in m)
    OUT.write_text("".join(f"{line}\n" for line in survivors), encoding="utf-8")
    print(table(found), reasons(found), sep="\n\n")


if __name__ == "__main__":
    main()
