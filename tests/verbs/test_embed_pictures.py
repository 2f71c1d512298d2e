"""`seq embed --plot` from end to end."""

import json

import numpy as np
import pytest

from seqcli.data.vectors import Vectors
from seqcli.data.vectors.saving import save
from tests.verbs.test_embed_bias import CAREER, FAMILY, made


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "toy"
    save(made(), path, "toy.txt")
    return path


POINTS = b"nurse\tjobs\nEngineer\tjobs\n\nshe\twords\r\nhe\twords\nbread\n"


def test_pictures(invoke, model, tmp_path):
    page, drawing = tmp_path / "x.html", tmp_path / "x.SVG"
    for path in (page, drawing):
        found = invoke("embed", "-m", model, "--plot", path, stdin=POINTS)
        assert (found.code, found.out, found.err) == (0, b"", "")
        text = path.read_text()
        for part in ("nurse", "Engineer", "jobs", "words", "other", "Words of toy", "principal components"):
            assert part in text, (path, part)
    assert "<title>bread (other): " in drawing.read_text()
    file = tmp_path / "points.tsv"
    file.write_bytes(POINTS)
    again = tmp_path / "again.svg"
    assert invoke("embed", file, "-m", model, "--plot", again).code == 0
    assert again.read_bytes() == drawing.read_bytes()
    assert invoke("embed", "-m", model, "--words", "--plot", again, stdin=b"nurse engineer she\tx\nhe bread nurse").code == 0
    assert again.read_text().count("<title>") == 6


def test_tsne_and_png(invoke, model, tmp_path):
    path = tmp_path / "x.svg"
    assert invoke("embed", "-m", model, "--plot", path, "--tsne", stdin=" ".join(CAREER + FAMILY).replace(" ", "\n").encode()).code == 0
    assert "t-SNE of perplexity" in path.read_text()
    pytest.importorskip("matplotlib")
    path = tmp_path / "x.png"
    assert invoke("embed", "-m", model, "--plot", path, stdin=POINTS).code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_neighbours_are_of_the_full_space(invoke, model, tmp_path):
    path = tmp_path / "x.svg"
    assert invoke("embed", "-m", model, "--plot", path, stdin=b"she\nhe\n").code == 0
    first = invoke("embed", "-m", model, "--near", "she", "--top", 1, "--json").lines[0]
    assert f"<title>she: {json.loads(first)['word']} " in path.read_text()
    assert invoke("embed", "-m", model, "--plot", path, "--limit", 4, stdin=b"she\nhe\nnurse\n").err.count("no vector for 'nurse'") == 1


def test_an_analogy_as_arrows(invoke, model, tmp_path):
    path = tmp_path / "x.svg"
    plain = invoke("embed", "-m", model, "--analogy", "man woman boy", "--top", 3)
    found = invoke("embed", "-m", model, "--analogy", "man woman boy", "--top", 3, "--plot", path)
    assert (found.code, found.err, found.out) == (0, "", plain.out)
    best = plain.lines[0].split()[0]
    text = path.read_text()
    assert f"man : woman = boy : {best}" in text
    assert text.count("<title>") == 5
    assert '<g class="line"' in text
    html = tmp_path / "x.html"
    assert invoke("embed", "-m", model, "--analogy", "man woman boy", "--plot", html, "--json").lines[0].startswith('{"word": ')
    assert html.read_text().count('data-ends="') == 2
    invoke("embed", "-m", model, "--analogy", "man woman byo", "--plot", tmp_path / "y.svg").fails(1, "did you mean 'boy'?")
    assert not (tmp_path / "y.svg").exists()
    save(Vectors.of(["a", "b", "c"], np.eye(3)), tmp_path / "small", "x")
    invoke("embed", "-m", tmp_path / "small", "--analogy", "a b c", "--plot", path).fails(1, "there is no answer to draw")


def test_unknown_words_are_left_out(invoke, model, tmp_path):
    picture = tmp_path / "x.svg"
    found = invoke("embed", "-m", model, "--plot", picture, stdin=b"nurse\nnruse\nhe\n")
    assert found.err == "seq embed: no vector for 'nruse': left out (did you mean 'nurse'?)\n"
    assert picture.exists()
    invoke("embed", "-m", model, "--plot", tmp_path / "y.svg", stdin=b"nruse\n").fails(1, "no vector for 'nruse'")
    assert not (tmp_path / "y.svg").exists()


def test_wrong_input(invoke, model, tmp_path):
    invoke("embed", "-m", model, "--plot", tmp_path / "x.svg", stdin=b"\n\n").fails(1, "there is no word to draw")
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"she\nh\xff\n")
    invoke("embed", bad, "-m", model, "--plot", tmp_path / "x.svg").fails(1, f"{bad}, line 2, byte 2: not valid UTF-8")
    assert not (tmp_path / "x.svg").exists()
    assert invoke("embed", bad, "-m", model, "--plot", tmp_path / "x.svg", "--errors", "replace").code == 0
    invoke("embed", "-m", model, "--plot", tmp_path / "none" / "x.svg", stdin=b"she\n").fails(1, "cannot write")
