"""Subword tokenizers: ours and others', behind one protocol (`tokenizer`), at the speed of a table of distinct chunks (`chunks`)."""
