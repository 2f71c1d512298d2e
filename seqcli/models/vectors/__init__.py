"""Training of word vectors: a corpus as numbers on disk, then whole blocks of it as matrix products."""
