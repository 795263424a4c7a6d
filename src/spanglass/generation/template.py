"""Prompts with fields in them, as ``{{ question }}``: what they need, and what they say for a row.

Invariant: a field that a row does not have is an error, never an empty text; a template runs in jinja2's sandbox. A
text without fields needs no jinja2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanglass.errors import ConfigurationError
from spanglass.generation.extra import needed

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARKS = ("{{", "{%", "{#")


class Template:
    """A text with fields.

    Args:
        source: in jinja2's language.

    Raises:
        ConfigurationError: it is no template, or jinja2 is not installed.

    Example:
        >>> Template("Ask about {{ topic }}.").render({"topic": "Bergen"})
        'Ask about Bergen.'
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._compiled: Any = None
        self.fields: frozenset[str] = frozenset()
        if any(mark in source for mark in _MARKS):
            self._compile()

    def render(self, row: Mapping[str, Any]) -> str:
        """The text for a row.

        Raises:
            ValueError: the row lacks a field, or the template fails on it.
        """
        if self._compiled is None:
            return self._source
        try:
            return str(self._compiled.render(row))
        except Exception as why:
            message = f"the template {_short(self._source)} cannot be filled: {why}"
            raise ValueError(message) from why

    def _compile(self) -> None:
        jinja2 = needed("jinja2", "templates")
        sandbox, meta = needed("jinja2.sandbox", "templates"), needed("jinja2.meta", "templates")
        environment = sandbox.SandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        try:
            self.fields = frozenset(meta.find_undeclared_variables(environment.parse(self._source)))
            self._compiled = environment.from_string(self._source)
        except jinja2.TemplateError as why:
            message = f"{_short(self._source)} is no template: {why}"
            raise ConfigurationError(message) from why


def _short(text: str, limit: int = 60) -> str:
    return repr(text if len(text) <= limit else f"{text[:limit]}…")
