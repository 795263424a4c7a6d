"""Which names name a credential: ``api_key``, ``X-Api-Key``, ``openaiApiKey`` and their like, at any place of a body.

Invariant: a name is judged by its letters alone, whatever its case and its separators; counts (``max_tokens``), cursors
(``next_page_token``) and parts of speech (``stop_token``) name no credential.
"""

# ruff: noqa: SIM905 - words read better in lines than in a column

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What of a credential's value is masked: whatever it is; text only; an object or a list only.
Scope: TypeAlias = Literal["any", "text", "container"]

#: A name that ends in one of these is a credential's. `token`, `auth` and `headers` have rules of their own below.
PHRASES = (
    "api key",
    "api keys",
    "access key",
    "access keys",
    "access key id",
    "private key",
    "private key id",
    "secret key",
    "signing key",
    "encryption key",
    "subscription key",
    "account key",
    "master key",
    "auth key",
    "shared key",
    "session key",
    "functions key",
    "secret",
    "secrets",
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "authorization",
    "cookie",
    "cookies",
    "credential",
    "credentials",
    "connection string",
    "jwt",
    "x amz signature",
    "x goog signature",
)

#: What stands before `token` where it is a piece of text, a count or a cursor.
_NO_CREDENTIAL = frozenset(
    "page next previous prev continuation cursor sync resume start end stop begin eos bos pad unk sep cls mask "
    "special generated decoded sampled selected chosen forced new first last top text input output prompt "
    "completion total cached reasoning thinking image audio video max min per to control".split()
)

#: What makes a header's name a credential's wherever in the name it stands (``X-Api-Key-Of-Mine``).
_HEADER_PARTS = (
    "apikey",
    "accesskey",
    "privatekey",
    "subscriptionkey",
    "secret",
    "password",
    "passwd",
    "credential",
    "authorization",
    "cookie",
    "accesstoken",
    "authtoken",
    "sessiontoken",
    "securitytoken",
)

_SEPARATOR = "[-_. ]?"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_]+")
_CLOSING = r"""(?:\\*["'])?\]?\s*[=:]"""
_QUOTED = r"""\\*["']\s*:\s*"""
_SUFFIXES = tuple({phrase.replace(" ", "") for phrase in PHRASES})
_CACHE_SIZE = 4096


def flat(name: str) -> str:
    """The letters and digits of a name, in lower case.

    Example:
        >>> flat("X-Api_Key")
        'xapikey'
    """
    return "".join(filter(str.isalnum, name)).lower()


class Keys:
    """The judge of names, with the user's own among them.

    Args:
        extra: further names; each counts as a whole, whatever its case and separators.

    Example:
        >>> keys = Keys(["internal-id"])
        >>> keys.scope("OPENAI_API_KEY"), keys.scope("max_tokens"), keys.scope("internalId")
        ('any', None, 'any')
    """

    def __init__(self, extra: Sequence[str] = ()) -> None:
        self._extra = frozenset(filter(None, map(flat, extra)))
        self._known: dict[str, Scope | None] = {}

    def scope(self, name: str) -> Scope | None:
        """What of the value under this name is masked, or None if it is no credential."""
        try:
            return self._known[name]
        except KeyError:
            if len(self._known) >= _CACHE_SIZE:
                self._known.clear()
            found = self._known[name] = self._judge(name)
            return found

    def is_header(self, name: str) -> bool:
        """Whether a header of this name carries a credential: a header is no content, so a part of its name decides."""
        letters = flat(name)
        return self.scope(name) in ("any", "text") or any(part in letters for part in _HEADER_PARTS)

    def _judge(self, name: str) -> Scope | None:
        letters = flat(name)
        if letters in self._extra or letters.endswith(_SUFFIXES):
            return "any"
        if letters.endswith("token"):
            words = _WORD.findall(name)
            before = words[-2].lower() if len(words) > 1 else letters[:-5]
            return None if before in _NO_CREDENTIAL else "text"
        if letters.endswith("headers"):
            return "container"
        return "text" if letters in ("auth", "basicauth", "xauth") else None

    def anchors(self) -> tuple[str, ...]:
        """Expressions, to be used without regard to case, that end at the ``:`` or ``=`` after any such name.

        An entry of `logprobs` (``{"token": "Hello", "logprob": …``) is let through here: an answer has thousands.
        """
        phrases = "|".join(sorted({phrase.replace(" ", _SEPARATOR) for phrase in PHRASES}, reverse=True))
        extra = (_SEPARATOR.join(map(_letter, name)) for name in sorted(self._extra))
        return (
            f"(?:{phrases}){_CLOSING}",
            rf"""[^"'\\]token{_CLOSING}""",
            r"\btoken\s*[=:]",
            *(f"{name}{_CLOSING}" for name in extra),
        )

    @staticmethod
    def late_anchors() -> tuple[str, ...]:
        """The same for names that take a look at the value first; these end in it or after it.

        An entry of `logprobs` (``{"token": "Hello", "logprob": …``) is let through here: an answer has thousands.
        """
        no_logprob = "|".join(map(_other_than, (("l", "o", "g", "p"), ("t", "o", "p", "_", "l"), (*"bytes", r'"\\'))))
        after = rf"""\s*(?:[^\s,]|,\s*(?:[^\s"'\\]|\\*["'](?:[^lbt\\]|{no_logprob})))"""
        return (
            r"""["']token\\*["']\]?\s*=""",
            rf"""["']token{_QUOTED}\\*["'](?:[^"\\]|\\.){{12}}""",
            rf"""["']token{_QUOTED}\\*["'](?:[^"\\]|\\.){{0,11}}\\*["']{after}""",
            rf"""["']token{_QUOTED}\\*["'](?:[^"\\]|\\.){{0,11}}(?:\\*["']\s*,?\s*)?$""",
            rf"""headers{_QUOTED}[\[{{]""",
            rf"""["']auth{_QUOTED}\\*["']""",
        )


def _letter(char: str) -> str:
    """An expression for a letter of a name, as UTF-8 or as JSON escapes it."""
    if char.isascii():
        return re.escape(char)
    forms = sorted({char, char.upper(), char.lower()})
    return f"(?:{'|'.join([*forms, *(json.dumps(form)[1:-1].replace(chr(92), chr(92) * 2) for form in forms)])})"


def _other_than(letters: Sequence[str]) -> str:
    """An expression for the first letters of any word that has the first of these letters, and not all of them."""
    expression = f"[^{letters[-1]}]"
    for letter in reversed(letters[1:-1]):
        expression = f"(?:[^{letter}]|{letter}{expression})"
    return f"{letters[0]}{expression}"
