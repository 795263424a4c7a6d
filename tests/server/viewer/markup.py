"""A page taken apart, as a browser would: its elements, its links, its text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import NamedTuple

_FLOWING = frozenset({"a", "span", "code", "mark", "ins", "del", "time", "strong", "br"})


class Element(NamedTuple):
    """A start tag."""

    tag: str
    attributes: dict[str, str]


class Page(HTMLParser):
    """One page.

    Attributes:
        elements: all start tags, in order.
        text: what a person reads, white space as it is, each block on lines of its own.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes an element; a block begins a line."""
        self.text += "" if tag in _FLOWING else "\n"
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """A block ends its line."""
        self.text += "" if tag in _FLOWING else "\n"

    def handle_data(self, data: str) -> None:
        """Notes text."""
        self.text += data

    def links(self) -> list[str]:
        """Where it leads to."""
        return [element.attributes["href"] for element in self.elements if element.tag == "a"]

    def ids(self) -> set[str]:
        """What a fragment can name."""
        return {element.attributes["id"] for element in self.elements if "id" in element.attributes}

    def words(self) -> str:
        """Its text with every white space one space."""
        return " ".join(self.text.split())
