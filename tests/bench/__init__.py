"""Side by side against peers: ratios in one run on one machine, interleaved, medians, memory beside speed.

`make bench`, or `python -m tests.bench start chain hmm tagging` for some of it. Nothing here is asserted; the tables are for the README
and for whoever changes something that should not get slower.
"""
