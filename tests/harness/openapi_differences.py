"""Where an OpenAPI document departs from Lago's contract."""

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from harness.collection.contract import document, facts

Json = dict[str, Any]

# Lago accepts invoices in these, although the list in its contract lacks them.
EXTRA_CURRENCIES = frozenset({"BHD", "IRR", "JOD", "KWD"})


def document_differences(ours: Json | None = None) -> list[str]:
    """Where `ours` (by default our document) departs from Lago's contract; empty if it conforms.

    Names, types, formats, required names and enums count. What the contract does not mention may
    be added, except properties and enum values, and may be narrower (a pattern, a minimum). The
    four `EXTRA_CURRENCIES` are no difference.
    """
    ours = document() if ours is None else ours
    theirs = _inlined(facts(), facts())
    path = urlsplit(theirs["servers"][0]).path + theirs["path"]
    path_item = _inlined(ours.get("paths", {}).get(path, {}), ours)
    operation = path_item.get(theirs["method"])
    if operation is None:
        return [f"{theirs['method'].upper()} {path} is missing."]
    operation = {"security": ours.get("security", [])} | operation
    schemes = ours.get("components", {}).get("securitySchemes", {})
    parameters = [*path_item.get("parameters", []), *operation.get("parameters", [])]
    return [
        *_security_differences(theirs["security"], operation["security"], schemes),
        *_parameters_differences(theirs["parameters"], parameters),
        *_responses_differences(theirs["responses"], operation.get("responses", {})),
    ]


def _inlined(node: Any, root: Json) -> Any:
    """`node` with each reference into `root` replaced by its target; keys beside it win."""
    if isinstance(node, list):
        return [_inlined(each, root) for each in node]
    if not isinstance(node, dict):
        return node
    beside = {key: _inlined(value, root) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return beside
    target: Any = root
    for step in node["$ref"].removeprefix("#/").split("/"):
        target = target.get(step, {})
    return _inlined(target, root) | beside


def _security_differences(theirs: Json, requirements: list[Json], schemes: Json) -> Iterator[str]:
    offered = [
        [{key: schemes.get(name, {}).get(key) for key in theirs} for name in requirement]
        for requirement in requirements
    ]
    if offered != [[theirs]]:
        yield f"Security is {offered}, in the contract {[[theirs]]}."


def _parameters_differences(theirs: list[Json], ours: list[Json]) -> Iterator[str]:
    by_name = {(each.get("name"), each.get("in")): each for each in ours}
    for their in theirs:
        where = f"{their['in']} parameter {their['name']}"
        our = by_name.get((their["name"], their["in"]))
        if our is None:
            yield f"{where} is missing."
            continue
        required = our.get("required", False)
        if required != their["required"]:
            yield f"{where}: required is {required}, in the contract {their['required']}."
        # We take more than the contract offers (any letter case, blank), as alternatives to it:
        # one of them has to be the contract's, and the closest says best why none is.
        schema = our.get("schema", {})
        alternatives = schema.get("anyOf", [schema])
        yield from min(
            (list(_schema_differences(their["schema"], each, where)) for each in alternatives),
            key=lambda found: len("".join(found)),
        )


def _responses_differences(theirs: Json, ours: Json) -> Iterator[str]:
    for status, their in theirs.items():
        content = ours.get(status, {}).get("content", {})
        if "application/json" not in content:
            yield f"The JSON of a {status} is missing."
        else:
            schema = content["application/json"].get("schema", {})
            yield from _schema_differences(their, schema, f"{status} body")


def _schema_differences(theirs: Json, ours: Json, where: str) -> Iterator[str]:
    for keyword in ("type", "format"):
        if keyword in theirs and ours.get(keyword) != theirs[keyword]:
            yield (
                f"{where}: {keyword} is {ours.get(keyword)!r}, in the contract {theirs[keyword]!r}."
            )
    if "enum" in theirs:
        values = set(ours.get("enum", []))
        if theirs["enum"] == facts()["components"]["schemas"]["Currency"]["enum"]:
            values -= EXTRA_CURRENCIES
        yield from _set_differences(theirs["enum"], values, f"{where}: enum")
    if "items" in theirs:
        yield from _schema_differences(theirs["items"], ours.get("items", {}), f"{where}[]")
    if "properties" in theirs:
        properties = ours.get("properties", {})
        required = ours.get("required", [])
        yield from _set_differences(theirs["properties"], properties, f"{where}: properties")
        yield from _set_differences(theirs.get("required", []), required, f"{where}: required")
        for name, their in theirs["properties"].items():
            if name in properties:
                yield from _schema_differences(their, properties[name], f"{where}.{name}")


def _set_differences(theirs: Iterable[Any], ours: Iterable[Any], where: str) -> Iterator[str]:
    missing, extra = set(theirs) - set(ours), set(ours) - set(theirs)
    if missing:
        yield f"{where} lacks {', '.join(sorted(map(str, missing)))}."
    if extra:
        yield f"{where} has {', '.join(sorted(map(str, extra)))}, which the contract lacks."
