"""What is measured, for how long, and what it may come to."""

from __future__ import annotations

SIZES = (128, 512, 2048, 8192)
UNITS = (15, 128)
LABELS = (1, 2)
QUICK_SIZES = (16, 64)
BYTES_OF_ALL_PAIRS = 3e9
SECONDS_A_ROUND = 0.05
SECONDS_A_FORM = 3.0
TARGET_RATIO, TARGET_MIB = 3.0, 20.0
