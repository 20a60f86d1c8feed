"""The API contract: what our OpenAPI document promises, and what of it Lago does not."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

Json = dict[str, Any]

_HERE = Path(__file__).parent
_LONGEST_MESSAGE = 200


@cache
def document() -> Json:
    """Our OpenAPI document; every call returns the same object, so copy it before changing it."""
    import yaml

    loaded: Json = yaml.safe_load((_HERE / "openapi.yml").read_text(encoding="utf-8"))
    return loaded


def body_violations(body: object) -> list[str]:
    """What in the body of a 200 breaks our document, each with its JSON path; empty when valid."""
    return [
        f"{error.json_path}: {_without_middle(error.message)}"
        for error in _collections_validator().iter_errors(cast(Any, body))
    ]


def currencies_outside_contract(currencies: Iterable[str]) -> list[str]:
    """Those of `currencies` that the contract's list lacks, each once, sorted."""
    listed = facts()["components"]["schemas"]["Currency"]["enum"]
    return sorted(set(currencies) - set(listed))


@cache
def facts() -> Json:
    """What Lago's contract says of the report; copy it before changing it, as for `document`."""
    loaded: Json = json.loads((_HERE / "contract.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _collections_validator() -> "Validator":
    # Imported where answers are checked: it takes a third of the time that --help takes.
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # JSON Schema takes 5.0 for an integer. Amounts are exact, so a float is a fault of its own.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    derive: Any = extend  # its type is not declared
    validator: Validator = derive(Draft202012Validator, type_checker=types)(
        # The components come along for the references to resolve.
        {
            "$ref": "#/components/schemas/InvoiceCollections",
            "components": document()["components"],
        }
    )
    return validator


def _without_middle(message: str) -> str:
    """`message`, shortened where it quotes a whole body or a long enum."""
    if len(message) <= _LONGEST_MESSAGE:
        return message
    half = _LONGEST_MESSAGE // 2
    return f"{message[:half]} … {message[-half:]}"
