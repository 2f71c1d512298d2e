"""Words and numbers as a page shows them: every text is escaped here, on its way into HTML.

>>> text('<b>"R&D"</b>')
'&lt;b&gt;&quot;R&amp;D&quot;&lt;/b&gt;'
>>> fill("<p>{{name}}</p>", name=text("a {{name}} <a>"))
'<p>a {{name}} &lt;a&gt;</p>'
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable

NONE = "–"
MINUS = "−"
UNITS = (1_000_000_000, 1_000_000_000, "G"), (1_000_000, 1_000_000, "M"), (10_000, 1_000, "k")  # from, in, called
UNSEEN = {code: 0x2400 + code for code in range(0x20) if code != 0x09} | {0x7F: 0x2421}  # ␀ … ␟ ␡ stand for control characters
SURROGATE = re.compile("[\ud800-\udfff]")
PLACE = re.compile(r"\{\{(\w+)\}\}")


def text(words: str) -> str:
    r"""Any text as HTML that shows it, in an element or in a quoted attribute; control characters become visible.

    >>> text("a\0b\r<c>")
    'a␀b␍&lt;c&gt;'
    """
    return html.escape(SURROGATE.sub("\ufffd", words).translate(UNSEEN))


def name(words: str) -> str:
    """A name inside a line: its direction of writing stays its own."""
    return f"<bdi>{text(words)}</bdi>"


def element(tag: str, content: str = "", **attributes: str | float | None) -> str:
    """An element around content that is already HTML; attributes are escaped, and left out where they are None.

    A trailing underscore of an attribute's name falls away, the others become hyphens.

    >>> element("label", "n", class_="wide", data_sort="a<b", hidden=None)
    '<label class="wide" data-sort="a&lt;b">n</label>'
    """
    shown = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items() if value is not None}
    inside = "".join(f' {key}="{text(value if isinstance(value, str) else plain(value))}"' for key, value in shown.items())
    return f"<{tag}{inside}>{content}</{tag}>"


def options(labels: Iterable[str], chosen: int = 0) -> str:
    """The choices of a select, numbered from 0."""
    return "".join(f'<option value="{i}"{" selected" if i == chosen else ""}>{text(label)}</option>' for i, label in enumerate(labels))


def fill(template: str, **parts: str) -> str:
    """The template with each `{{name}}` replaced once by HTML; what is put in is not searched again."""
    return PLACE.sub(lambda match: parts[match[1]], template)


def plain(value: float, digits: int = 2) -> str:
    """A number with no more decimals than it needs, as attributes have it.

    >>> plain(50.0), plain(33.3333), plain(-0.001)
    ('50', '33.33', '0')
    """
    shown = f"{value:.{digits}f}"
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "0" if shown == "-0" else shown


def number(value: float, digits: int = 2) -> str:
    """Decimals and a true minus; a dash for what is not defined."""
    return f"{value:.{digits}f}".replace("-", MINUS) if math.isfinite(value) else NONE


def signed(value: float) -> str:
    """A difference, with its sign.

    >>> signed(1.5), signed(-0.25), signed(0.001)
    ('+1.50', '−0.25', '±0.00')
    """
    shown = number(abs(value))
    return shown if shown == NONE else f"±{shown}" if float(shown) == 0 else f"{'+' if value > 0 else MINUS}{shown}"


def count(value: int, noun: str = "") -> str:
    """How many there are, and of what.

    >>> count(1, "system"), count(1002, "segment")
    ('1 system', '1,002 segments')
    """
    return f"{value:,} {noun}{'' if value == 1 else 's'}" if noun else f"{value:,}"


def short(value: int) -> str:
    """How many there are, in little room.

    >>> short(9999), short(12345), short(2_000_000)
    ('9,999', '12k', '2M')
    """
    for start, unit, letter in UNITS:
        if value >= start:
            return f"{value // unit}{letter}"
    return count(value)
