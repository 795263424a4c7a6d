"""Parsers for columns: an answer's text as it is, as JSON, or as JSON that fits a schema.

Invariant: what a parser raises is told to the model, so it says what is wrong and where, in words that help.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from spanglass.errors import ConfigurationError
from spanglass.generation.extra import needed

if TYPE_CHECKING:
    from collections.abc import Callable

_FENCED = re.compile(r"```[\w-]*\s*\n(.*?)\n?\s*```", re.DOTALL)
#: More faults than these at once help no model.
_FAULTS_TOLD = 5


def parse_json(text: str) -> Any:
    r"""The JSON in an answer; a block of code around it is left out.

    Raises:
        ValueError: there is none.

    Example:
        >>> parse_json('Here it is: ```json\n{"age": 36}\n```')
        {'age': 36}
    """
    fenced = _FENCED.search(text)
    try:
        return json.loads(fenced[1] if fenced else text)
    except ValueError as why:
        message = f"The answer is not valid JSON: {why}. Answer with the JSON alone."
        raise ValueError(message) from None


def schema_parser(schema: dict[str, Any]) -> Callable[[str], Any]:
    """A parser of JSON that fits a JSON schema.

    Raises:
        ConfigurationError: it is no schema, or jsonschema is not installed.
    """
    jsonschema = needed("jsonschema", "output schemas")
    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as why:
        message = f"output_schema is no JSON schema: {why.message}"
        raise ConfigurationError(message) from why
    validator = kind(schema)

    def parse(text: str) -> Any:
        value = parse_json(text)
        faults = sorted(validator.iter_errors(value), key=lambda fault: list(map(str, fault.absolute_path)))
        if faults:
            told = [f"- at {fault.json_path}: {fault.message}" for fault in faults[:_FAULTS_TOLD]]
            lines = "\n".join(told)
            message = f"The answer does not match the schema:\n{lines}\nAnswer with the corrected JSON alone."
            raise ValueError(message)
        return value

    return parse
