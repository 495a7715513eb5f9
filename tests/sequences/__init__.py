"""Public calls in random sequences, after each of which what is promised must hold.

`python -m sequences --count 100000 --seed 0` (with tests on the path; `make sequences`) runs them
and prints how many there were and what fell. A sequence is known by its number:
`python -m sequences --only 1234 --show` runs it alone and shows its calls.
"""
