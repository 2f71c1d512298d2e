"""Lemmas: what was seen comes back, what was not follows the longest suffix, and case is restored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import Failure
from seqcli.models.crf.further import lemmas
from seqcli.models.crf.further.lemmas import CASES, Script, cased, compress, learn, load, script

WORD = st.text("abcdeé", min_size=1, max_size=8)
VERBS = {
    "walked": "walk",
    "talked": "talk",
    "baked": "bake",
    "faked": "fake",
    "went": "go",
    "was": "be",
    "tried": "try",
    "cried": "cry",
}


@given(WORD, WORD)
def test_a_script_makes_the_lemma_of_its_form(form, lemma):
    edit = script(form, lemma)
    assert edit.fits(form)
    assert edit(form) == lemma


@given(st.dictionaries(st.tuples(WORD, st.sampled_from(["NOUN", "VERB"])), WORD, min_size=1))
def test_every_word_that_was_seen_has_its_lemma(seen):
    learned = learn([form for form, _ in seen], seen.values(), [tag for _, tag in seen])
    assert learned.of(list(seen)) == list(seen.values())
    assert load(learned.tensors()).of(list(seen)) == list(seen.values())


def test_the_longest_suffix_decides():
    learned = learn(VERBS, VERBS.values(), ["VERB"] * len(VERBS))
    asked = {"stalked": "stalk", "naked": "nake", "dried": "dry", "sent": "sent", "WENT": "go"}
    assert learned.of([(form, "VERB") for form in asked]) == list(asked.values())
    assert learned.of([("walked", "X"), ("Went", "never seen")]) == ["walked", "went"]


def test_a_script_of_one_word_is_no_rule():
    learned = learn(["went", "walked", "talked"], ["go", "walk", "talk"], ["VERB"] * 3)
    assert learned.of([("bent", "VERB"), ("", "VERB")]) == ["bent", ""]


def test_prefixes_are_cut_where_they_stand():
    forms = ["gelopen", "gekomen", "geslapen", "gegeven"]
    learned = learn(forms, ["lopen", "komen", "slapen", "geven"], ["VERB"] * 4)
    assert learned.of([("gelegen", "VERB"), ("blijven", "VERB")]) == ["legen", "blijven"]


def test_case_follows_tag_and_shape():
    text = [("Paris", "Paris", "PROPN"), ("PARIS", "Paris", "PROPN"), ("london", "London", "PROPN"), ("The", "the", "DET")]
    learned = learn(*zip(*[*text, ("NASA", "NASA", "PROPN"), ("cats", "cat", "NOUN"), ("dogs", "dog", "NOUN")], strict=True))
    asked = [("Rome", "PROPN"), ("rome", "PROPN"), ("That", "DET"), ("NASA", "PROPN"), ("PARIS", "PROPN"), ("Rats", "NOUN")]
    assert learned.of(asked) == ["Rome", "Rome", "that", "NASA", "Paris", "rat"]
    assert [cased(how, Script("", "", "", ""), "iPod") for how in CASES] == ["ipod", "iPod", "Ipod", "IPOD"]


def test_only_what_says_something_new_is_kept():
    seen = [lemmas.Seen(word, "N", value, 1) for word, value in (("aab", 0), ("bab", 0), ("cb", 0), ("ac", 1), ("bc", 1), ("dc", 0))]
    kept = dict(zip(compress(seen, [0, 0]).keys, compress(seen, [0, 0]).values.tolist(), strict=True))
    assert kept == {"0\t": 0, "0\tc": 1, "0\t^dc": 0}


@pytest.mark.parametrize("name", ["lemma.scripts", "lemma.edits.values", "lemma.cases.keys"])
def test_broken_tensors_are_refused(name):
    tensors = learn(VERBS, VERBS.values(), ["VERB"] * len(VERBS)).tensors()
    with pytest.raises(Failure):
        load({key: tensor for key, tensor in tensors.items() if key != name})
    with pytest.raises(Failure):
        load(tensors | {name: tensors[name][:-1]})
    with pytest.raises(Failure, match="names what there is not"):
        load(tensors | {"lemma.edits.values": np.full_like(tensors["lemma.edits.values"], 999)})
