"""Sequence modelling on one command line: `seq tag tokenize embed train translate score beam`."""

__version__ = "0.1.0"
