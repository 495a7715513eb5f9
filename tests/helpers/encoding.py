"""Values as trees and arrays, and back."""

from __future__ import annotations

import json

from skdeepclust._storage.tree import Decoder, Encoder
from skdeepclust._storage.trust import Trust


def encoded(value):
    encoder = Encoder("")
    return json.loads(json.dumps(encoder.encode(value, "value"), allow_nan=False)), encoder.arrays


def there_and_back(value, *trusted):
    tree, arrays = encoded(value)
    return Decoder(arrays, Trust(trusted)).decode(tree)
