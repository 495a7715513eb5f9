#!/usr/bin/env bash
# scikit-learn 1.9.1 (numpy 2.4.6, scipy 1.17.1)
#
# Behaviour: in the HTML view, the link of a parameter whose name ends another parameter's name points at the other one's text.
# Output seen: of an estimator with n_neighbors (int) and neighbors (transformer), the link of `neighbors` ends in
# #:~:text=neighbors,-int..., the type of n_neighbors.
# Expected: neighbors,-transformer..., its own line of the docstring. The documentation for developers says that _doc_link_module and
# _doc_link_template bring such links to estimators of other packages; the line of a parameter is looked for without an anchor.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1

cat > mine.py <<'PY'
from sklearn.base import BaseEstimator


class Mine(BaseEstimator):
    """An estimator of another package.

    Parameters
    ----------
    n_neighbors : int, default=10
        How many.
    neighbors : transformer, default=None
        Who finds them.
    """

    _doc_link_module = "mine"
    _doc_link_template = "https://example.org/{estimator_name}.html"

    def __init__(self, n_neighbors=10, neighbors=None):
        self.n_neighbors = n_neighbors
        self.neighbors = neighbors
PY
venv/bin/python - <<'PY'
import re
import sys
from urllib.parse import unquote

from mine import Mine

links = [unquote(link) for link in re.findall(r'href="([^"]*#:~:text=[^"]*)"', Mine()._repr_html_())]
print(*links, sep="\n")
(link,) = (link for link in links if "text=neighbors," in link)
if "int" not in link.partition("text=")[2]:
    sys.exit("No longer so: the link of neighbors has its own type.")
PY
