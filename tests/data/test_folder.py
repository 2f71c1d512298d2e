"""A model folder is there whole or not at all, and what is wrong with one is said."""

import json
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqcli.data import folder
from seqcli.errors import Failure

CONFIG = {"model": "crf", "task": "tagging", "parameters": {"labels": ["A", "é"]}}
TENSORS: dict[str, Any] = {"a": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.zeros((0, 4), np.int8)}


def write(path, **more):
    folder.write(path, CONFIG | more, TENSORS, {folder.CARD: "# é\n"}, force=bool(more.get("force")))


def test_what_is_written_is_read_back(tmp_path):
    write(tmp_path / "model")
    found = folder.read(tmp_path / "model")
    assert (found.config, found.parameters, found.text(folder.CARD)) == (CONFIG, CONFIG["parameters"], "# é\n")
    assert found.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        np.testing.assert_array_equal(found.tensors[name], tensor)
    assert sorted(entry.name for entry in (tmp_path / "model").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert list(tmp_path.iterdir()) == [tmp_path / "model"]


def test_modes_are_the_users(tmp_path):
    mask = os.umask(0o027)
    try:
        write(tmp_path / "model")
    finally:
        os.umask(mask)
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / "model" / "config.json").stat().st_mode & 0o777 == 0o640


def test_names_that_are_not_utf8(tmp_path):
    write(tmp_path / "model", file=os.fsdecode(b"caf\xe9"))
    assert folder.read_config(tmp_path / "model")["file"] == os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("call", range(8))
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "interrupt"])
def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch, call, error, existing):
    """Any of the calls that touch the disk may fail."""
    target = tmp_path / "model"
    if existing:
        write(target)
        (target / "mark").touch()
    calls = 0

    def failing(real):
        def wrapped(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == call + 1:
                raise error
            return real(*arguments, **options)

        return wrapped

    monkeypatch.setattr(folder, "write_file", failing(folder.write_file))
    monkeypatch.setattr(os, "fsync", failing(os.fsync))
    monkeypatch.setattr(Path, "rename", failing(Path.rename))
    failed: BaseException | None = None
    try:
        write(target, new=True, force=True)
    except (Failure, KeyboardInterrupt) as failure:
        failed = failure
    monkeypatch.undo()
    assert (failed is not None) == (calls > call)
    assert failed is None or isinstance(failed, Failure if isinstance(error, OSError) else KeyboardInterrupt)
    if failed:
        assert [entry.name for entry in tmp_path.iterdir()] == ["model"] * existing
        assert not existing or ((target / "mark").exists() and "new" not in folder.read(target).config)
    else:
        assert folder.read(target).config["new"]
        assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
        assert not (target / "mark").exists()


def test_force_replaces_a_model_only(tmp_path):
    write(tmp_path / "model")
    with pytest.raises(Failure, match=r"exists .*--force"):
        write(tmp_path / "model")
    write(tmp_path / "model", force=True)
    other = tmp_path / "papers"
    other.mkdir()
    write(other, force=True)  # an empty folder is nobody's
    shutil.rmtree(other)
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    for place in (other, other / "thesis.txt"):
        with pytest.raises(Failure, match="not a model folder: --force will not replace it"):
            write(place, force=True)
    assert (other / "thesis.txt").read_text() == "years of work"
    with pytest.raises(Failure, match="is not a folder"):
        write(tmp_path / "no" / "where")


def test_a_link_to_a_model_stays_a_link(tmp_path):
    write(tmp_path / "model")
    (tmp_path / "link").symlink_to(tmp_path / "model")
    write(tmp_path / "link", force=True)
    assert (tmp_path / "link").is_symlink()
    assert folder.read(tmp_path / "model").config["force"]


GARBAGE = [b"", b"{", b"\xff\xfe", b"[]", b"12", b'"model"', b"{}", b'{"model": "crf"}', b"[" * 100_000, bytes(9)]


@pytest.mark.parametrize("config", GARBAGE)
def test_a_broken_configuration(tmp_path, config):
    write(tmp_path / "model")
    (tmp_path / "model" / folder.CONFIG).write_bytes(config)
    with pytest.raises(Failure, match=r"config.json (is broken|lacks)"):
        folder.read(tmp_path / "model")


def test_missing_files(tmp_path):
    write(tmp_path / "model")
    (tmp_path / "model" / folder.CARD).unlink()
    with pytest.raises(Failure, match=r"cannot read README.md"):
        folder.read(tmp_path / "model").text(folder.CARD)
    (tmp_path / "model" / folder.WEIGHTS).unlink()
    with pytest.raises(Failure, match=r"model.safetensors is missing"):
        folder.read(tmp_path / "model")
    (tmp_path / "model" / folder.CONFIG).unlink()
    with pytest.raises(Failure, match=r"not a model folder: config.json is missing"):
        folder.read(tmp_path / "model")


def test_weights_cut_short(tmp_path):
    write(tmp_path / "model")
    weights = tmp_path / "model" / folder.WEIGHTS
    whole = weights.read_bytes()
    for length in [*range(12), len(whole) // 2, len(whole) - 1]:
        weights.write_bytes(whole[:length])
        with pytest.raises(Failure, match=r"model.safetensors is truncated or not safetensors"):
            folder.read(tmp_path / "model")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F99"])
def test_weights_of_a_kind_that_numpy_has_not(tmp_path, kind):
    write(tmp_path / "model")
    header = json.dumps({"a": {"dtype": kind, "shape": [2], "data_offsets": [0, 4 if kind == "BF16" else 2]}}).encode()
    (tmp_path / "model" / folder.WEIGHTS).write_bytes(struct.pack("<Q", len(header)) + header + bytes(4 if kind == "BF16" else 2))
    with pytest.raises(Failure, match=r"model.safetensors"):
        folder.read(tmp_path / "model")


def test_a_tensor_of_the_wrong_shape():
    assert folder.take(TENSORS, "a", 3, None).shape == (3, 2)
    with pytest.raises(Failure, match=r"the tensor 'a' has shape \[3, 2\], expected \[any, 3\]"):
        folder.take(TENSORS, "a", None, 3)
    with pytest.raises(Failure, match=r"expected \[6\]"):
        folder.take(TENSORS, "a", 6)
    with pytest.raises(Failure, match=r"lacks the tensor 'c' \(it has: a, b\)"):
        folder.take(TENSORS, "c")


def test_what_a_name_means(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder.find("en-pos") == folder.PRETRAINED / "en-pos"
    assert "en-pos" in folder.shipped()
    write(tmp_path / "en-pos")
    assert folder.find("en-pos") == Path("en-pos")
    with pytest.raises(Failure, match=r"no model 'en-poss'.*did you mean 'en-pos'\?"):
        folder.find("en-poss")
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="is a file, not a model folder"):
        folder.find("file")
