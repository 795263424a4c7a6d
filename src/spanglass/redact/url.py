"""Masks what a url, a query string or a form body carries of credentials; every other byte stays as it was.

Invariant: a parameter is judged by its decoded name and its decoded value, so that percent-encoding hides nothing.
"""

# ruff: noqa: SIM905 - words read better in lines than in a column

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from spanglass.redact.finding import REDACTED
from spanglass.redact.key import flat

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanglass.redact.key import Keys

#: Percent-encoded, because a bracket before the ``@`` would make the url unreadable.
USERINFO = "%5BREDACTED%5D"

#: Parameters of urls that are credentials although their names would say little elsewhere.
_PARAMETERS = frozenset("key sig signature code auth sas hmac ticket assertion xamzcredential xgoogcredential".split())
_AUTHORITY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:)?//([^/?#]*)@")
_QUERY = re.compile("([&#])")
_FORM = re.compile("(&)")


class UrlMasker:
    """Masks urls and form bodies.

    Args:
        keys: the judge of names.
        mask_text: masks credentials by their shape; gives the text and how many.
    """

    def __init__(self, keys: Keys, mask_text: Callable[[str], tuple[str, int]]) -> None:
        self._keys = keys
        self._mask_text = mask_text

    def url(self, url: str) -> tuple[str, int]:
        """The url masked, and how many of its parts were."""
        count = 0
        authority = _AUTHORITY.match(url)
        if authority and authority[2] not in ("", USERINFO):
            url = f"{authority[1] or ''}//{USERINFO}@{url[authority.end() :]}"
            count = 1
        head, mark, tail = _partition(url)
        masked, more = self._mask_text(head)
        if not mark:
            return masked, count + more
        query, parameters = self._parameters(tail, _QUERY)
        return masked + mark + query, count + more + parameters

    def form(self, body: str) -> tuple[str, int]:
        """A form body masked, and how many of its parameters were."""
        return self._parameters(body, _FORM)

    def _parameters(self, query: str, separator: re.Pattern[str]) -> tuple[str, int]:
        parts = separator.split(query)
        count = 0
        for at in range(0, len(parts), 2):
            parts[at], masked = self._parameter(parts[at])
            count += masked
        return "".join(parts), count

    def _parameter(self, part: str) -> tuple[str, int]:
        """One parameter, or several between semicolons; the value under a credential's name goes to the part's end."""
        masked: list[str] = []
        count = 0
        rest: str | None = part
        while rest is not None:
            one, times, rest = self._first_of(rest)
            masked.append(one)
            count += times
        return ";".join(masked), count

    def _first_of(self, part: str) -> tuple[str, int, str | None]:
        """The first parameter masked, how often, and what follows its semicolon."""
        name, equals, value = part.partition("=")
        if not value or value.startswith(REDACTED):
            return (part, 0, None) if equals else (*self._shaped(part, ""), None)
        plain = unquote_plus(name)
        if self._keys.scope(plain) in ("any", "text") or flat(plain) in _PARAMETERS:
            return f"{name}={REDACTED}", 1, None
        value, semicolon, rest = value.partition(";")
        return (*self._shaped(value, f"{name}="), rest if semicolon else None)

    def _shaped(self, value: str, before: str) -> tuple[str, int]:
        """A value masked by its shape: in place if it can be, as a whole if only its decoded form shows it."""
        masked, count = self._mask_text(value)
        if count or not ("%" in value or "+" in value):
            return before + masked, count
        hidden = self._mask_text(unquote_plus(value))[1]
        return before + (REDACTED if hidden else value), min(hidden, 1)


def _partition(url: str) -> tuple[str, str, str]:
    """The url up to its query or fragment, the mark that begins it, and what follows."""
    found = re.search("[?#]", url)
    return (url[: found.start()], found[0], url[found.end() :]) if found else (url, "", "")
