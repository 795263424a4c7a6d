"""Writes into ``collector-config.yaml`` what the Collector masks, from the very tables that spanglass masks by.

Invariant: what a program masks in its own process, the Collector masks in the spans of programs that do not. Its
expressions know neither look-behind nor arithmetic, so where the tables need those, the Collector masks a little more,
never less.

Run ``python deploy/generate.py`` after changing ``redact/rules.py`` or ``redact/key.py``; with ``--check`` it only
tells.
"""

# ruff: noqa: T201 - a program for the terminal

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from spanglass.redact import key, rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = Path(__file__).resolve().parents[1] / "collector-config.yaml"
MASK = "****"

#: What may stand before a credential; part of what is masked, because there is no look-behind.
_BORDER = r"(?:\b|_|\\[nrtbf]|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|%[0-9A-Fa-f]{2})"
_WIDTH = 110
_HEADS = re.compile(r"\(\?:((?:\\.|[^()\[\]{}|\\])+(?:\|(?:\\.|[^()\[\]{}|\\])+)*)\)(\[.*)", re.DOTALL)

#: Words before `token` that make it a credential in the middle of a text.
_TOKENS = "access api auth bearer bot client csrf github gitlab hf id npm personal refresh security session slack xsrf"
_BARE = r"""[^\s&;,"'<>(){}\[\]\\|`]"""


class Replacement(NamedTuple):
    """What is replaced in texts by the Collector's transform processor: the groups of the expression stay."""

    pattern: str
    replacement: str


def shapes() -> list[str]:
    """Every shape of credential as an expression for Go, one for each prefix, in an order that Go matches fast."""
    return sorted(flat for rule in rules.RULES for flat in _expressions(rule))


def shapes_pattern() -> str:
    """All shapes as one expression."""
    return "|".join(_alternatives())


def _alternatives() -> list[str]:
    """Those that begin within a word's border, which stands before them once, and those that need none."""
    bordered = [shape for shape in shapes() if shape[0] not in "-/"]
    bordered[0] = f"{_BORDER}(?:{bordered[0]}"
    bordered[-1] += ")"
    return bordered + [shape for shape in shapes() if shape[0] in "-/"]


def key_patterns() -> list[str]:
    """Names of attributes whose values are masked."""
    return [f"(?i)(?:{_phrases()})$", "(?i)token$", "(?i)^(?:x[-_.]?|basic[-_.]?)?auth$"]


def ignored_key_patterns() -> list[str]:
    """Names that end as a credential's and are a cursor's or a piece of text's."""
    words = "|".join(sorted(key._NO_CREDENTIAL))  # noqa: SLF001 - one table for both
    return [f"(?i)(?:^|[-_. ]|[a-z])(?:{words})[-_. ]?token$"]


def replacements() -> list[Replacement]:
    """Values under a credential's name in JSON, reprs and assignments, and the password of a url."""
    tokens = "|".join(_TOKENS.split())
    name = rf"""(?:{_phrases()}|(?:{tokens})[-_. ]?token)(?:\\*["'])?\]?\s*[=:]\s*"""
    in_double, in_single = r"""(\\*")(?:[^"\\]|\\[^"])+""", r"""(\\*')(?:[^'\\]|\\[^'])+"""
    scheme = r"""(?:bearer|basic|digest|token)\s+[^\s"'\\]+"""
    value = f"(?:{in_double}|{in_single}|{scheme}|{_BARE}*[0-9]{_BARE}*)"
    return [
        Replacement(f"(?i)({name}){value}", f"${{1}}${{2}}${{3}}{MASK}"),
        Replacement(r"""(://[^/?#\s"'@\\:]*:)[^/?#\s"'@\\]+@""", f"${{1}}{MASK}@"),
    ]


def _phrases() -> str:
    return "|".join(sorted({phrase.replace(" ", "[-_. ]?") for phrase in key.PHRASES}, reverse=True))


def _expressions(rule: rules.Rule) -> list[str]:
    by_hand = _BY_HAND.get(rule.name)
    if by_hand is not None:
        return [by_hand]
    text = rule.pattern.pattern.decode().replace(rules.BORDER, "").replace(f",{rules.LONGEST}}}", ",}")
    text = text.replace("(?P<secret>", "(?:").replace(r"\-", "-").replace(r"\~", "~")
    heads = _HEADS.fullmatch(text)
    if heads is None:
        return [text]
    tail = _random(heads[2]) if rule.check is not None else heads[2]
    return [head + tail for head in heads[1].split("|")]


def _random(tail: str) -> str:
    """Of words and digits, what is no run of words: as `rules.looks_random`, without counting to the least length."""
    some = tail.rpartition("{")[0]
    small = some.replace("A-Z", "").replace("0-9", "")
    four = f"(?:{small}*[0-9A-Z]){{4}}"
    return f"(?:{four}{some}{{4,}}|{small}{{8,}}{four}{some}*|{some}*[A-Za-z0-9]{{20}}{some}*)"


_SCHEME = "[A-Za-z0-9._~+/=:|-]"
_WITH_DIGIT = f"(?:{_SCHEME}{{4,}}[0-9]{_SCHEME}*|{_SCHEME}{{0,3}}[0-9]{_SCHEME}{{7,}}|{_SCHEME}{{40,}})"
_BY_HAND = {
    "aws access key id": "(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,24}",
    "private key": r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=:,. \t\r\n-]|\\+[nrt])*",
    "bearer": f"(?i:bearer)(?:[ +]|%20){_WITH_DIGIT}",
    "basic": r"(?i:basic)(?:[ +]|%20)(?:(?:[a-z+/_-]*[0-9A-Z]){3}[A-Za-z0-9+/_-]*={0,2}|[A-Za-z0-9+/_-]{4,}={1,2})",
}


def _values_section() -> Iterator[str]:
    yield "    blocked_key_patterns:"
    yield from (f"      - '{_dollars(pattern)}'" for pattern in key_patterns())
    yield "    ignored_key_patterns:"
    yield from (f"      - '{_dollars(pattern)}'" for pattern in ignored_key_patterns())
    yield "    blocked_values:"
    yield '      - "\\'
    line = ""
    for number, shape in enumerate(_alternatives()):
        word = _escaped(f"|{shape}" if number else shape)
        if line and len(line) + len(word) > _WIDTH:
            yield f"         {line}\\"
            line = ""
        line += word
    yield f'         {line}"'


def _texts_section(target: str) -> Callable[[], Iterator[str]]:
    def section() -> Iterator[str]:
        for pattern, replacement in replacements():
            regex = _dollars(pattern.replace("\\", "\\\\").replace('"', '\\"'))
            statement = f'replace_all_patterns({target}, "value", "{regex}", "{_dollars(replacement)}")'
            yield "          - '" + statement.replace("'", "''") + "'"

    return section


def _dollars(text: str) -> str:
    """The Collector expands what follows a dollar sign; doubled it stands for itself."""
    return text.replace("$", "$$")


def _escaped(text: str) -> str:
    """For YAML in double quotes, which alone can be broken into lines."""
    return _dollars(text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t"))


_SECTIONS: dict[str, Callable[[], Iterator[str]]] = {
    "credentials": _values_section,
    "credentials in span attributes": _texts_section("span.attributes"),
    "credentials in event attributes": _texts_section("spanevent.attributes"),
    "credentials in log attributes": _texts_section("log.attributes"),
}


def rendered(text: str) -> str:
    """The configuration with its generated sections renewed."""
    for name, section in _SECTIONS.items():
        pattern = re.compile(rf"(?<=# generated: {name}\n).*?(?=^ *# end of {name}$)", re.DOTALL | re.MULTILINE)
        body = "".join(f"{line}\n" for line in section())
        text, count = pattern.subn(lambda _, body=body: body, text)  # type: ignore[misc]
        if count != 1:
            message = (
                f"{CONFIG.name} needs one section between '# generated: {name}' and '# end of {name}', not {count}"
            )
            raise ValueError(message)
    return text


def main() -> int:
    """Renews the file; with ``--check`` tells whether that would change it."""
    before = CONFIG.read_text(encoding="utf-8")
    after = rendered(before)
    if "--check" in sys.argv[1:]:
        if before != after:
            print(f"{CONFIG.name} is out of date; run: python deploy/generate.py", file=sys.stderr)
        return int(before != after)
    CONFIG.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
