"""Models that learn by gradient: encoders over words or tokens, and the taggers, classifiers and language models made of them."""
