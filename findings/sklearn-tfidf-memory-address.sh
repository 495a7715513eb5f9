#!/usr/bin/env bash
# scikit-learn 1.9.1 (scipy 1.17.1, numpy 2.4.6)
#
# Behaviour: a fitted TfidfVectorizer keeps a memory address among its attributes, `_stop_words_id`, also without stop words, and so
# does its pickle: the same fit in another process is another file.
# Output seen: three processes that fit the same vectorizer on the same texts write three different pickles; without that attribute
# all three are the same.
# Expected: equal pickles for equal fits, as of other transformers, since caches and content addresses compare them. The documentation
# doesn't mention the attribute.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"${PYTHON:-python3}" -m venv venv
venv/bin/python -m pip install -qq --disable-pip-version-check scikit-learn==1.9.1 scipy==1.17.1 numpy==2.4.6

cat > fit.py <<'PY'
import hashlib
import pickle
import sys

from sklearn.feature_extraction.text import TfidfVectorizer

fitted = TfidfVectorizer().fit(["the red apple", "a green pear"])
if sys.argv[1] == "without":
    del fitted._stop_words_id
print(hashlib.sha256(pickle.dumps(fitted)).hexdigest())
PY
for attribute in with without; do
  for process in 1 2 3; do PYTHONHASHSEED=0 venv/bin/python fit.py $attribute; done | sort -u > "$attribute"
done
echo "pickles of three processes: $(wc -l < with), without the attribute $(wc -l < without)"
[ "$(wc -l < without)" -eq 1 ]
[ "$(wc -l < with)" -gt 1 ] || { echo "No longer so: the pickles are equal."; exit 1; }
