"""WMT's marked-up test sets: what sacreBLEU reads of them, and what it cannot."""

import gzip
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.dataset.fake_sgml import FakeSGMLDataset
from sacrebleu.dataset.wmt_xml import WMTXMLDataset

from seqcli.data.blocks import BLOCK
from seqcli.data.markup import form_of, opened, references_in, segments, sets
from seqcli.data.sgm import Set
from seqcli.errors import Failure
from tests.conftest import ENVIRONMENT

SGM = """<mteval>
<srcset setid="news" srclang="any">
<doc sysid="ref" docid="a" genre="news" origlang="cs">
<hl>
<seg id="1"> Fish &amp; chips &lt;3 </seg>
</hl>
<p>
<seg id="2">R&D: 1 < 2 <b>bold</b>, AT&T &copy;</seg><seg id=3/>
<SEG ID="4">two
 lines\t&#8364;&#x20ac;&#160;</SEG >
</p></doc></srcset>
<!-- <refset refid="X">
<seg id="1">no</seg>
</refset> -->
<refset refid="A" trglang=en><DOC docid=a><seg id=1>a1</seg><seg id=2>a2</seg></DOC></refset>
<refset trglang="en"><DOC docid="a" sysid='B'><seg id=1>b1</seg></DOC><DOC docid="b" sysid="B"><seg id=1>b2</seg></DOC></refset>
<tstset sysid="online-A"><doc docid="a"><seg id="1">x1</seg></doc></tstset>
<tstset><doc docid="a" sysid="online-B"><seg id="1">y1</seg></doc><doc sysid="uedin.1" docid="a"><seg id="1">z1</seg></doc></tstset>
</mteval>
"""
XML = """<?xml version='1.0' encoding='utf-8'?>
<dataset id="wmt">
  <collection id="general">
    <doc origlang="de" id="a" domain="news">
      <src lang="de"><p><seg id="1">eins &amp; &lt;b&gt;</seg></p><p><seg id="2"> zwei
      Zeilen </seg><seg id="3">drei</seg></p></src>
      <ref lang="en" translator="A"><p><seg id="1">one</seg></p><p><seg id="2">two</seg></p></ref>
      <ref lang="en" translator="B"><p><seg id="1">ONE</seg></p></ref>
      <hyp system="X" language="en"><p><seg id="1">x1</seg><seg id="2">x2</seg><seg id="3">x3</seg></p></hyp>
      <hyp system="Y" language="en"><p><seg id="1">y1</seg><seg id="2"></seg><seg id="3">y3</seg></p></hyp>
    </doc>
    <doc origlang="de" id="t" testsuite="T"><src lang="de"><p><seg id="1">test</seg></p></src></doc>
    <doc origlang="de" id="b" domain="social">
      <src lang="de"><p><seg id="1">vier</seg></p></src>
      <ref lang="en" translator="B"><p><seg id="1">four</seg></p></ref>
      <hyp system="X" language="en"><p><seg id="1">x4</seg></p></hyp>
      <hyp system="Y" language="en"><p><seg id="1">y4</seg></p></hyp>
    </doc>
  </collection>
</dataset>
"""


def write(folder, content, name="file.sgm"):
    path = Path(folder, name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def marked_up(path, size=BLOCK):
    document, _ = opened(path, size)
    assert document is not None
    return document


def of_sacrebleu(path):
    out = path.with_suffix(".out")
    FakeSGMLDataset._convert_format(WMTXMLDataset, str(path), str(out))
    return out.read_text().split("\n")[:-1]


def test_every_set_of_an_sgm_file(tmp_path):
    path = write(tmp_path, SGM)
    listed = [("source", "", 4), ("reference", "A", 2), ("reference", "B", 2)]
    listed += [("system", "online-A", 1), ("system", "online-B", 1), ("system", "uedin.1", 1)]
    assert sets(path) == [Set(*each) for each in listed]
    assert list(segments(path)) == ["Fish & chips <3", "R&D: 1 < 2 <b>bold</b>, AT&T &copy;", "", "two lines €€"]
    assert references_in(path) == ["A", "B"]
    assert [list(segments(path, "reference", name)) for name in "AB"] == [["a1", "a2"], ["b1", "b2"]]
    assert list(segments(path, "reference")) == ["a1", "a2"]
    assert [list(segments(path, "system", name)) for name in ("", "online-B", "uedin.1")] == [["x1"], ["y1"], ["z1"]]
    assert list(segments(path, name="uedin.1")) == ["z1"]


def test_every_set_of_an_xml_file(tmp_path):
    path = write(tmp_path, XML)
    counts = [("source", "", 3), ("reference", "A", 2), ("reference", "B", 2), ("system", "X", 3), ("system", "Y", 3)]
    assert sets(path) == [Set(*each) for each in counts]
    assert list(segments(path)) == ["eins & <b>", "zwei Zeilen", "vier"]
    assert references_in(path) == ["A", "B"]
    assert list(segments(path, "reference", "A")) == ["one", "two", ""]
    assert list(segments(path, "reference", "B")) == ["ONE", "", "four"]
    assert list(segments(path, "system", "Y")) == ["y1", "", "y4"]


def test_xml_is_what_sacrebleu_reads(tmp_path):
    fields = WMTXMLDataset._unwrap_wmt21_or_later(str(write(tmp_path, XML)))
    for field, lines in fields.items():
        kind, name = ("source", "") if field == "src" else ("reference", field[4:]) if field.startswith("ref") else ("system", field)
        if field not in {"docid", "origlang", "domain"}:
            assert list(segments(tmp_path / "file.sgm", kind, name)) == [WMTXMLDataset._clean(line) for line in lines]


texts = st.text(st.sampled_from("aé <>&;/\t\u2028\xa0\u3000=\"'"), max_size=12).filter(
    lambda text: not re.search("&(lt|gt);|</?(seg|doc)", text)
)


@given(st.lists(texts, min_size=1, max_size=9), st.sampled_from(["srcset", "refset", "tstset"]), st.integers(1, 40))
def test_sgm_is_what_sacrebleu_reads(lines, tag, block):
    with tempfile.TemporaryDirectory() as folder:
        body = "".join(f'<seg id="{i}">{line}</seg>\n' for i, line in enumerate(lines))
        path = write(folder, f'<{tag} setid="x" srclang="any">\n<doc docid="d" sysid="s">\n{body}</doc>\n</{tag}>\n')
        found = list(segments(path))
        document = marked_up(path, block)
        known = document.sets()
        assert list(document.segments(known[0], known)) == found
        assert found == of_sacrebleu(path)


escapes = st.sampled_from(["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&#65;", "&#x20AC;", "a", " ", "&amp;lt;", "é"])


@given(st.lists(st.lists(escapes, max_size=5).map("".join), min_size=1, max_size=5), st.integers(1, 60))
def test_the_same_text_from_both_formats(lines, block):
    body = "\n".join(f'<seg id="{i}">{line}</seg>' for i, line in enumerate(lines))
    found = []
    for start, end in (("<srcset>\n<doc>", "</doc>\n</srcset>"), ("<dataset>\n<doc><src>", "</src></doc>\n</dataset>")):
        with tempfile.TemporaryDirectory() as folder:
            document = marked_up(write(folder, f"{start}\n{body}\n{end}\n"), block)
            known = document.sets()
            assert known == [Set("source", "", len(lines))]
            found.append(list(document.segments(known[0], known)))
    assert found[0] == found[1]


@pytest.mark.parametrize("content", [SGM, XML], ids=["sgm", "xml"])
def test_blocks_of_any_size_give_the_same(content, tmp_path):
    path = write(tmp_path, gzip.compress(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode(), mtime=0))
    whole = marked_up(path)
    known = whole.sets()
    assert len(known) > 4
    texts = [list(whole.segments(each, known)) for each in known]
    for size in (1, 3, 50, 333):
        document = marked_up(path, size)
        assert document.sets() == known
        assert [list(document.segments(each, known)) for each in known] == texts


def test_a_pipe_is_read_once(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(XML.encode()))))
    assert references_in(Path("-")) == [""]
    assert list(segments(Path("-"), "reference", "B")) == ["ONE", "", "four"]
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["bash", "-c", f"printf '%s' '{SGM.replace(chr(39), chr(34))}' > {tmp_path / 'pipe'}"]) as writer:
        assert list(segments(tmp_path / "pipe", "system", "online-B")) == ["y1"]
    assert writer.returncode == 0


FORMS = {
    "<srcset setid=x>": "sgm", '\ufeff\n <TSTSET setid="x">': "sgm", "<mteval>": "sgm", '<refset\nsetid="x">': "sgm",
    "<!DOCTYPE mteval SYSTEM 'x.dtd'>\n<mteval>": "sgm",
    "<?xml version='1.0'?><!-- a --><!DOCTYPE a [<!ELEMENT a (b)>]>\n<refset>": "sgm",
    "<dataset id='x'>": "xml", "<?xml version='1.0'?>\n\n<dataset>": "xml",
    "<?xml version='1.0'?>\n": "", "<!-- a\n": "", "<!DOCTYPE mteval\n": "",
    "": "text", "\n\n": "text", "one <srcset> two\n": "text", "< srcset>": "text", "<srcsets>": "text", "<doc id=1>": "text",
    "<?xml version='1.0'?><tmx>": "text", "<!DOCTYPE html>\n<html>": "text", "<3 you": "text", "<!-- a\n" + "b" * 70_000: "text",
}  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORMS)))
def test_a_file_is_known_by_its_beginning(number):
    head, form = list(FORMS.items())[number]
    assert form_of(head.encode()) == form


def test_plain_text_has_no_sets(tmp_path):
    path = write(tmp_path, "<?xml version='1.0'?>\n<tmx>\n")
    assert (sets(path), references_in(path)) == ([], [""])
    document, text = opened(path, 5)
    assert document is None
    assert b"".join(block.data for block in text) == path.read_bytes()
    with pytest.raises(Failure, match=r"is not a test set of WMT \(expected <srcset>"):
        list(segments(path))


def test_an_only_set_will_do_for_any_kind(tmp_path):
    path = write(tmp_path, "<refset refid=A><seg>a</seg></refset>")
    assert list(segments(path, "system")) == list(segments(path, "system", "A")) == ["a"]
    nameless = write(tmp_path, "<refset refid=A><seg>a</seg></refset><refset><seg>b</seg></refset>")
    assert list(segments(nameless, "reference")) == ["b"]
    assert references_in(nameless) == ["A", ""]


BROKEN = {
    "kind": ("<refset refid=A><seg>a</seg></refset>\n<refset refid=B><seg>b</seg></refset>", "system", "",
             "holds no system (it has: reference A, reference B)"),
    "reference": (XML, "reference", "C", "no reference 'C' (known: A, B)"),
    "system": (SGM, "system", "onlineA", "no system 'onlineA' (did you mean 'online-A'?)"),
    "any": (SGM, "", "Online-B", "no set 'Online-B' (did you mean 'online-B'?)"),
    "nothing": ("<refset>\n</refset>", "", "", "holds no segments"),
    "nothing in xml": ("<dataset>\n</dataset>", "", "", "holds no segments"),
    "segment": ("<refset>\n<seg id=1>a</seg>\n<seg id=2>b\n<seg id=3>c</seg>", "", "", "line 3: <seg> without </seg>"),
    "document": ("<refset>\n<seg id=1>a\n</doc>\n<doc><seg>b</seg>", "", "", "line 2: <seg> without </seg>"),
    "last segment": ("<refset>\n<seg id=1>a</seg>\n\n<seg id=2>b\n</refset>\n", "", "", "line 4: <seg> without </seg>"),
    "all segments": ("<refset>\n<seg id=1>a\n<seg id=2>b\n<seg id=3>c\n</refset>\n", "", "", "line 2: <seg> without </seg>"),
    "comment": ("<refset>\n<!-- <seg>a</seg>\n", "", "", "line 2: a comment without -->"),
    "tag": ("<refset>\n<seg>a</seg><doc id=1\n", "", "", "line 2: a tag without >"),
    "utf-8": (b"<refset>\n<seg>a\xe9</seg>\n", "", "", "line 2, byte 7: not valid UTF-8 (0xe9)"),
    "utf-8 in xml": (b"<dataset>\n<doc>\xe9</doc></dataset>\n", "", "", "line 2, byte 6: not valid UTF-8 (0xe9)"),
    "xml": ("<dataset>\n<doc>\n<src>AT&T</src></doc></dataset>\n", "", "", "line 3: broken XML: not well-formed (invalid token)"),
    "end of xml": ("<dataset>\n<doc></doc>\n", "", "", "line 3: broken XML: no element found"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, kind, name, message = BROKEN[case]
    path = write("", content)
    with pytest.raises(Failure) as caught:
        list(segments(path, kind, name))
    assert str(caught.value).startswith("file.sgm")
    assert message in str(caught.value)
    if case not in {"kind", "reference", "system", "any"} and "nothing" not in case:
        for size in (1, 7):
            document = marked_up(path, size)
            with pytest.raises(Failure, match=re.escape(str(caught.value))):
                document.sets()


def test_encodings(tmp_path):
    path = write(tmp_path, XML.replace("utf-8", "ISO-8859-1").replace("vier", "für").encode("latin-1"))
    assert list(segments(path))[-1] == "für"
    path = write(tmp_path, b"<refset>\n<seg>a\xe9</seg>\n")
    assert list(segments(path, errors="replace")) == ["a\ufffd"]
    path = write(tmp_path, XML.encode().replace(b"vier", b"f\xfcr"))
    assert list(segments(path, errors="replace"))[-1] == "f\ufffdr"


def test_numbers_that_repeat_are_told_apart(tmp_path):
    pairs = "<p><seg id='1'>{0}1</seg></p><p><seg id='1'>{0}2</seg><seg>{0}3</seg></p>"
    path = write(tmp_path, f"<dataset><doc><src>{pairs.format('s')}</src><hyp system='X'>{pairs.format('h')}</hyp></doc></dataset>")
    assert list(segments(path)) == ["s1", "s2", "s3"]
    assert list(segments(path, "system")) == ["h1", "h2", "h3"]


def test_the_parser_is_loaded_only_for_xml(tmp_path):
    program = (
        "import sys; from pathlib import Path; from seqcli.data.markup import sets\n"
        "for name in sys.argv[1:]: sets(Path(name)); print('xml' in sys.modules, 'numpy' in sys.modules)"
    )
    paths = [write(tmp_path, SGM, "a"), write(tmp_path, XML, "b")]
    done = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert done.stdout == "False False\nTrue False\n"
