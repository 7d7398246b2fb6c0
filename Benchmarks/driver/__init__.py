"""Runs the benchmark: installs, builds, starts servers, puts them under load in pairs, writes the report.

What lives where, from the ground up: `tools` (what must be there), `machine` (where we are), `servers` (the subject and
its peers), `statistics` (medians and ratios), `pairs` (interleaved runs), `rows` (the work), `report` and `chart` (the
result). Numbers in the report come from the data, never from a hand.
"""
