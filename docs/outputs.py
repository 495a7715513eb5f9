"""Write below the code of pages what it prints: `python docs/outputs.py docs/PAGE.md ...`.

A block of Python that a block of `text` follows is run, alone or, on a page that says so, after the
blocks above it; where nothing follows, nothing is shown. What `plt.show()` would show becomes the
image that follows. Numbers are those of this machine.
"""

from __future__ import annotations

import argparse
import io
import re
import tempfile
from collections.abc import Sequence
from contextlib import chdir, redirect_stdout
from pathlib import Path

import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
GOES_ON = "<!-- the code of this page goes on from block to block -->"
BLOCK = re.compile(
    r"```python\n(?P<code>.*?)^```\n(?P<shown>\n```text\n(?P<text>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
IMAGE = re.compile(r"\s*!\[[^\]]*\]\((images/\S+\.png)\)")


def printed(code: str, names: dict[str, object], figure: Path | None) -> str:
    """Return what a block prints, run in a folder of its own; what it draws goes to a file."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        redirect_stdout(io.StringIO()) as out,
    ):
        exec(compile(code, "<block>", "exec"), names)
    if figure and plt.get_fignums():
        plt.savefig(figure, dpi=180)
    plt.close("all")
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def written(text: str) -> str:
    """Return a page with its outputs made anew."""
    goes_on = GOES_ON in text
    names: dict[str, object] = {"__name__": "__main__"}

    def run(match: re.Match[str]) -> str:
        if not match["shown"] and not goes_on and "plt.show()" not in match["code"]:
            return match[0]
        drawn = IMAGE.match(text, match.end()) if "plt.show()" in match["code"] else None
        figure = ROOT / "docs" / drawn[1] if drawn else None
        output = printed(match["code"], names if goes_on else {"__name__": "__main__"}, figure)
        if not match["shown"]:
            return match[0]
        start = match.start("text") - match.start()
        return match[0][:start] + output + match[0][match.end("text") - match.start() :]

    return BLOCK.sub(run, text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the blocks of the pages."""
    plt.switch_backend("agg")
    parser = argparse.ArgumentParser("python docs/outputs.py", description=__doc__)
    parser.add_argument("pages", nargs="+", type=Path, help="files in Markdown")
    for page in parser.parse_args(arguments).pages:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
