"""What several tests of models share."""

from __future__ import annotations

import pytest

from seqcli.data.examples import Batch
from seqcli.tasks.tagging import read_tagged
from tests.conftest import SAMPLES


@pytest.fixture(scope="module")
def data() -> Batch:
    """The tagged sentences of the sample."""
    return read_tagged([str(SAMPLES / "tags.train.conllu")], "upos")
