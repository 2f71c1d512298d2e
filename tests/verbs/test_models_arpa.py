"""N-grams out to ARPA and in again, from the command line."""

from tests.conftest import SAMPLES


def test_there_and_back(invoke, tmp_path):
    text = SAMPLES / "notes.txt"
    assert invoke("train", "ngram", "--train", text, "-o", tmp_path / "m", "--set", "order=3", "-q").code == 0
    assert invoke("models", "export", tmp_path / "m", "-o", tmp_path / "m.arpa").code == 0
    assert (tmp_path / "m.arpa").read_text().startswith("\\data\\\nngram 1=")
    assert invoke("models", "import", tmp_path / "m.arpa", "-o", tmp_path / "again").code == 0
    assert invoke("models", "export", tmp_path / "again").out == (tmp_path / "m.arpa").read_bytes()
    first, second = (invoke("score", "-m", tmp_path / name, text, "-q").out for name in ("m", "again"))
    assert first == second
    invoke("models", "export", tmp_path / "m", "-f", "glove").fails(2, "-f glove", "holds n-grams (-f arpa)")


def test_a_broken_file(invoke, tmp_path):
    (tmp_path / "m.arpa").write_text("\\data\\\nngram 1=2\n\n\\1-grams:\n-0.3\tthe\n")
    invoke("models", "import", tmp_path / "m.arpa", "-o", tmp_path / "again").fails(1, "m.arpa")
    assert not (tmp_path / "again").exists()
