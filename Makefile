# make demo: from a fresh clone to tagged text. make test: everything the tests need, and the tests.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt
SEQ_DATA ?= ../shared/data
export SEQ_DATA
SHELL := bash
.SHELLFLAGS := -e -o pipefail -c

.PHONY: demo install test test-all check bench models clean

demo: install
	@$(BIN)/seq tag sample_data/notes.txt

install: .venv/installed
	@$(BIN)/python -m compileall -q seqcli  # where Python may not write bytecode itself, every start would compile

.venv/created:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/created pyproject.toml .ci/constraints.txt
	$(PIP) -e .
	@touch $@

.venv/dev: .venv/installed
	$(PIP) -e '.[dev]'
	@touch $@

test: install .venv/dev
	$(BIN)/python -m pytest -n auto -m "not slow"

test-all: .venv/dev
	$(BIN)/python -m pytest -n auto

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto -m "not slow and not corpus" -x

bench: install .venv/dev
	$(BIN)/python -m tests.bench

# What en-pos.toml learns from beside its treebank: open raw text of several kinds, tagged by the teacher of en-teacher.toml (its weights:
# see there). Some of each corpus, and all of the small ones; tweets, names and news are cut into words already.
CORPUS := $(SEQ_DATA)/corpus
SOME = shuf --random-source=$(CORPUS)/ebooks.txt.xz -n
WORDS := $(addprefix $(SEQ_DATA)/ner/,$(addprefix broad_twitter/,a.conll.gz b.conll.gz e.conll.gz g.conll.gz) wnut17/train.conll wikigold/train.conll)

build/minilm:
	@echo "$@ is missing: the first lines of seqcli/recipes/en-teacher.toml say how to get it" >&2; exit 1

build/en-teacher: | build/minilm .venv/installed
	$(BIN)/seq train en-teacher.toml -o $@ --force

build/en-silver.tsv: build/en-teacher | .venv/installed
	{ xz -dc $(CORPUS)/openstax.txt.xz | $(SOME) 6000; xz -dc $(CORPUS)/ebooks.txt.xz | $(SOME) 6500; \
	  xz -dc $(CORPUS)/factbook.txt.xz | $(SOME) 5000; gzip -dc $(SEQ_DATA)/tatoeba/en-de/train.en.gz | $(SOME) 60000; \
	  gzip -dc $(SEQ_DATA)/rt_polarity/*.txt.gz; } > build/en-raw.txt
	for file in $(WORDS); do gzip -dcf $$file | awk '{ printf "%s", NF ? $$1 " " : "\n" } END { print "" }'; done > build/en-words.txt
	$(BIN)/seq tag -m build/en-teacher --bf16 -j 0 -f tsv build/en-raw.txt > $@.part
	$(BIN)/seq tag -m build/en-teacher --bf16 -j 0 -f tsv --pretokenized build/en-words.txt >> $@.part
	mv $@.part $@

# Rebuilds what is shipped in seqcli/pretrained from the open data under SEQ_DATA.
models: .venv/installed build/en-silver.tsv
	@mkdir -p build
	$(BIN)/seq train en-clusters.toml -o build/en-clusters --force
	for name in en-pos en-ner fr-pos it-pos ko-pos nl-pos pt-pos ru-pos zh-pos languages; do \
		$(BIN)/seq train $$name.toml -o seqcli/pretrained/$$name --force || exit; done
	$(BIN)/seq train en-bpe.toml -o seqcli/pretrained/en-bpe --force
	$(BIN)/seq train en-de-bpe.toml -o seqcli/pretrained/en-de-bpe --force
	$(BIN)/seq train en-vectors.toml -o seqcli/pretrained/en-vectors --force
	$(BIN)/seq train tatoeba-en-de.toml -o build/en-de --force
	$(BIN)/seq models export build/en-de --to int8 -o seqcli/pretrained/en-de --force
	$(BIN)/seq train tatoeba-de-en.toml -o build/de-en --force
	$(BIN)/seq models export build/de-en --to int8 -o seqcli/pretrained/de-en --force

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
