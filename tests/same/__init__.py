"""Whether two trees of the package do the same, bit for bit: `make same BASE=commit`.

Small fits run in both trees at once, with the scenarios of this one. They use public names alone,
so that they run against any commit, and outlast every change of what is private. Nothing is stored
here, because the last bits differ between processors.
"""
