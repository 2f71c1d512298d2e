"""Bias of word vectors: measured by projections, direct bias and WEAT; taken out by hard and soft debiasing.

`lookup` finds words in a vocabulary, `directions` makes the direction of bias and measures along it, `association` has the
tests between sets of words, `debias` and `transform` give new vectors, `lists` the words of the papers, `reading` those of
files, and `report` says all of it as tables or records.
"""
