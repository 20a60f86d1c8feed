"""The OpenAPI document conforms to Lago's contract, and what breaks either is found."""

import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import product
from pathlib import Path
from string import ascii_uppercase
from time import perf_counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_differences import document_differences
from openapi_spec_validator import OpenAPIV31SpecValidator

import harness
from harness.collection import contract

Json = dict[str, Any]

PATH = "/api/v1/analytics/invoice_collection"
ROW: Json = {
    "month": "2026-10-01T00:00:00.000Z",
    "payment_status": "succeeded",
    "invoices_count": 31,
    "amount_cents": 1284900,
    "currency": "USD",
}
EMPTY_MONTH: Json = {"month": "2026-09-01T00:00:00.000Z", "invoices_count": 0, "amount_cents": 0}


def body(*rows: Json) -> Json:
    return {"invoice_collections": list(rows)}


def without(row: Json, key: str) -> Json:
    return {name: value for name, value in row.items() if name != key}


# Our document


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(contract.document()).iter_errors()) == []


def test_the_document_can_be_sent_as_json() -> None:
    assert json.loads(json.dumps(contract.document())) == contract.document()


def test_the_document_bears_the_version_of_the_package() -> None:
    assert contract.document()["info"]["version"] == harness.__version__


def test_the_document_names_what_is_served() -> None:
    operations = {
        (path, method)
        for path, item in contract.document()["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert operations == {
        (PATH, "get"),
        (PATH, "head"),
        ("/health", "get"),
        ("/openapi.json", "get"),
    }


def test_get_and_head_answer_alike() -> None:
    item = contract.document()["paths"][PATH]
    # No 405 for head: a path that knows it does not refuse it.
    assert set(item["get"]["responses"]) - {"405"} == set(item["head"]["responses"])


def test_every_schema_response_and_parameter_is_described() -> None:
    components = contract.document()["components"]
    described = [
        *components["schemas"].values(),
        *components["responses"].values(),
        *components["parameters"].values(),
        *components["headers"].values(),
        *(
            each
            for schema in components["schemas"].values()
            for each in schema.get("properties", {}).values()
            if "$ref" not in each
        ),
    ]
    assert [each for each in described if not each.get("description")] == []


def media_types(node: object) -> Iterator[Json]:
    """Every JSON media type below `node`."""
    if isinstance(node, dict):
        if "application/json" in node:
            yield node["application/json"]
        for each in node.values():
            yield from media_types(each)


def examples() -> Iterator[tuple[Json, object]]:
    """Every schema of the document that has examples, with each of them."""
    document = contract.document()
    for media_type in media_types(document):
        for example in media_type["examples"].values():
            yield media_type["schema"], example["value"]
    for parameter in document["components"]["parameters"].values():
        for example in parameter["examples"].values():
            yield parameter["schema"], example["value"]
    for header in document["components"]["headers"].values():
        yield header["schema"], header["example"]
    for schema in document["components"]["schemas"].values():
        for each in [schema, *schema.get("properties", {}).values()]:
            for example in each.get("examples", []):
                yield each, example


def test_every_example_of_the_document_is_valid() -> None:
    components = {"components": contract.document()["components"]}  # for references to resolve
    found = list(examples())
    assert len(found) > 30
    for schema, example in found:
        validator = Draft202012Validator(
            components | schema, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        assert [error.message for error in validator.iter_errors(example)] == []


def test_the_pattern_for_currencies_takes_their_letters_in_any_case_and_no_others() -> None:
    schemas = contract.document()["components"]["schemas"]
    pattern = re.compile(schemas["CurrencyInAnyCase"]["pattern"])
    codes = ["".join(letters) for letters in product(ascii_uppercase, repeat=3)]
    accepted = [code for code in codes if pattern.search(code)]
    assert accepted == schemas["Currency"]["enum"]
    assert [code for code in codes if pattern.search(code.lower())] == accepted
    assert all(pattern.search(code[0] + code[1:].lower()) for code in accepted)
    # The last is a long s, which becomes an S in upper case.
    for text in ("", "US", "USDX", " USD", "USD ", "US1", "u\u017fd"):
        assert not pattern.search(text), text


# The contract's facts, and that we conform to them


def test_the_facts_are_those_of_the_contract() -> None:
    path = Path(contract.__file__).with_name("contract.json")
    facts = json.loads(path.read_text(encoding="utf-8"))
    schemas = facts["components"]["schemas"]
    currencies = schemas.pop("Currency")
    codes = currencies.pop("enum")
    currency = {"$ref": "#/components/schemas/Currency"}
    assert (len(codes), codes[0], codes[-1]) == (138, "AED", "ZMW")
    assert codes == sorted(set(codes))
    assert all(re.fullmatch("[A-Z]{3}", code) for code in codes)
    # The list keeps codes that their countries have replaced, and lacks the replacements.
    assert set(codes) >= {"CLF", "EUR", "HRK", "JPY", "MRO", "SLL", "STD", "USD", "XAF"}
    assert set(codes).isdisjoint({"BHD", "IRR", "JOD", "KWD", "MRU", "SLE", "STN", "XXX"})
    assert currencies == {"type": "string"}
    assert facts["path"] == "/analytics/invoice_collection"
    assert facts["method"] == "get"
    assert facts["security"] == {"type": "http", "scheme": "bearer"}
    assert facts["parameters"] == [
        {"name": "currency", "in": "query", "required": False, "schema": currency},
        {"name": "months", "in": "query", "required": False, "schema": {"type": "integer"}},
    ]
    assert facts["responses"] == {
        "200": {"$ref": "#/components/schemas/InvoiceCollections"},
        "401": {"$ref": "#/components/schemas/ApiErrorUnauthorized"},
    }
    assert schemas == {
        "InvoiceCollections": {
            "type": "object",
            "required": ["invoice_collections"],
            "properties": {
                "invoice_collections": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/InvoiceCollectionObject"},
                },
            },
        },
        "InvoiceCollectionObject": {
            "type": "object",
            "required": ["month", "invoices_count"],
            "properties": {
                "month": {"type": "string"},
                "payment_status": {"type": "string", "enum": ["pending", "succeeded", "failed"]},
                "invoices_count": {"type": "integer"},
                "amount_cents": {"type": "integer"},
                "currency": currency,
            },
        },
        "ApiErrorUnauthorized": {
            "type": "object",
            "required": ["status", "error"],
            "properties": {
                "status": {"type": "integer", "format": "int32"},
                "error": {"type": "string"},
            },
        },
    }


def test_our_document_conforms_to_the_contract() -> None:
    assert document_differences() == []


def test_our_document_takes_four_currencies_more_than_the_contract() -> None:
    ours = contract.document()["components"]["schemas"]["Currency"]["enum"]
    assert len(ours) == 142
    assert contract.currencies_outside_contract(ours) == ["BHD", "IRR", "JOD", "KWD"]


def test_currencies_outside_the_contract_are_named_once_and_in_order() -> None:
    found = contract.currencies_outside_contract(["KWD", "USD", "BHD", "KWD", "usd"])
    assert found == ["BHD", "KWD", "usd"]
    assert contract.currencies_outside_contract([]) == []


def row_of(document: Json) -> Json:
    row: Json = document["components"]["schemas"]["InvoiceCollectionObject"]
    return row


def rename_property(document: Json) -> None:
    properties = row_of(document)["properties"]
    properties["amount"] = properties.pop("amount_cents")


def add_property(document: Json) -> None:
    row_of(document)["properties"]["organization_id"] = {"type": "string"}


def drop_required(document: Json) -> None:
    row_of(document)["required"].remove("invoices_count")


def add_required(document: Json) -> None:
    row_of(document)["required"].append("currency")


def retype_property(document: Json) -> None:
    row_of(document)["properties"]["amount_cents"]["type"] = "number"


def allow_null(document: Json) -> None:
    row_of(document)["properties"]["payment_status"]["type"] = ["string", "null"]


def hide_type_in_alternatives(document: Json) -> None:
    row_of(document)["properties"]["month"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def add_status(document: Json) -> None:
    row_of(document)["properties"]["payment_status"]["enum"].append("KWD")


def drop_status(document: Json) -> None:
    row_of(document)["properties"]["payment_status"]["enum"].remove("pending")


def drop_status_enum(document: Json) -> None:
    del row_of(document)["properties"]["payment_status"]["enum"]


def add_currency(document: Json) -> None:
    document["components"]["schemas"]["Currency"]["enum"].append("XXX")


def exchange_currency(document: Json) -> None:
    codes = document["components"]["schemas"]["Currency"]["enum"]
    codes[codes.index("EUR")] = "XEU"


def retype_list(document: Json) -> None:
    schemas = document["components"]["schemas"]
    schemas["InvoiceCollections"]["properties"]["invoice_collections"]["type"] = "object"


def rename_list(document: Json) -> None:
    collections = document["components"]["schemas"]["InvoiceCollections"]
    collections["properties"]["rows"] = collections["properties"].pop("invoice_collections")


def dangle_reference(document: Json) -> None:
    del document["components"]["schemas"]["InvoiceCollectionObject"]


def drop_error_text(document: Json) -> None:
    error = document["components"]["schemas"]["ApiErrorUnauthorized"]
    del error["properties"]["error"]
    error["required"].remove("error")


def reformat_status(document: Json) -> None:
    document["components"]["schemas"]["ErrorStatus"]["format"] = "int64"


def drop_401(document: Json) -> None:
    del document["paths"][PATH]["get"]["responses"]["401"]


def send_200_as_csv(document: Json) -> None:
    content = document["paths"][PATH]["get"]["responses"]["200"]["content"]
    content["text/csv"] = content.pop("application/json")


def drop_months(document: Json) -> None:
    document["paths"][PATH]["parameters"].remove({"$ref": "#/components/parameters/months"})


def move_months(document: Json) -> None:
    document["components"]["parameters"]["months"]["in"] = "header"


def require_months(document: Json) -> None:
    document["components"]["parameters"]["months"]["required"] = True


def retype_months(document: Json) -> None:
    document["components"]["parameters"]["months"]["schema"]["anyOf"][0] = {"type": "number"}


def hide_currency_enum(document: Json) -> None:
    document["components"]["parameters"]["currency"]["schema"] = {"type": "string"}


def open_to_all(document: Json) -> None:
    document["paths"][PATH]["get"]["security"] = []


def make_key_optional(document: Json) -> None:
    document["security"].append({})


def change_scheme(document: Json) -> None:
    document["components"]["securitySchemes"]["bearerAuth"]["scheme"] = "basic"


def move_path(document: Json) -> None:
    document["paths"]["/analytics/invoice_collection"] = document["paths"].pop(PATH)


def drop_get(document: Json) -> None:
    del document["paths"][PATH]["get"]


TAMPERINGS: list[tuple[Callable[[Json], None], list[str]]] = [
    (rename_property, ["properties lacks amount_cents", "properties has amount,"]),
    (add_property, ["properties has organization_id"]),
    (drop_required, ["200 body.invoice_collections[]: required lacks invoices_count"]),
    (add_required, ["required has currency"]),
    (retype_property, ["amount_cents: type is 'number', in the contract 'integer'"]),
    (allow_null, ["payment_status: type is ['string', 'null']"]),
    (hide_type_in_alternatives, ["month: type is None"]),
    (add_status, ["payment_status: enum has KWD"]),
    (drop_status, ["payment_status: enum lacks pending"]),
    (drop_status_enum, ["payment_status: enum lacks failed, pending, succeeded"]),
    (add_currency, ["parameter currency: enum has XXX", "[].currency: enum has XXX"]),
    (
        exchange_currency,
        [
            "parameter currency: enum lacks EUR.",
            "parameter currency: enum has XEU,",
            "[].currency: enum lacks EUR.",
            "[].currency: enum has XEU,",
        ],
    ),
    (retype_list, ["invoice_collections: type is 'object', in the contract 'array'"]),
    (rename_list, ["properties lacks invoice_collections", "properties has rows"]),
    (dangle_reference, ["[]: type is None", "properties lacks", "required lacks"]),
    (drop_error_text, ["401 body: properties lacks error", "401 body: required lacks error"]),
    (reformat_status, ["status: format is 'int64', in the contract 'int32'"]),
    (drop_401, ["JSON of a 401 is missing"]),
    (send_200_as_csv, ["JSON of a 200 is missing"]),
    (drop_months, ["query parameter months is missing"]),
    (move_months, ["query parameter months is missing"]),
    (require_months, ["query parameter months: required is True, in the contract False"]),
    (retype_months, ["query parameter months: type is 'number', in the contract 'integer'"]),
    (hide_currency_enum, ["query parameter currency: enum lacks AED,"]),
    (open_to_all, ["Security is []"]),
    (make_key_optional, ["Security is "]),
    (change_scheme, ["Security is [[{'type': 'http', 'scheme': 'basic'}]]"]),
    (move_path, [f"GET {PATH} is missing"]),
    (drop_get, [f"GET {PATH} is missing"]),
]


@pytest.mark.parametrize(
    ("tamper", "expected"), TAMPERINGS, ids=[tamper.__name__ for tamper, _ in TAMPERINGS]
)
def test_a_document_that_departs_from_the_contract_is_found(
    tamper: Callable[[Json], None], expected: list[str]
) -> None:
    document = deepcopy(contract.document())
    tamper(document)
    differences = document_differences(document)
    assert len(differences) == len(expected), differences
    for words, sentence in zip(expected, differences, strict=True):
        assert words in sentence
    assert document_differences() == [], "our own document was changed"


def test_a_document_may_add_and_narrow() -> None:
    document = deepcopy(contract.document())
    operation = document["paths"][PATH]["get"]
    operation["responses"]["429"] = {"description": "Too many requests."}
    operation["parameters"] = [{"name": "page", "in": "query", "schema": {"type": "integer"}}]
    row_of(document)["properties"]["month"]["minLength"] = 24
    row_of(document)["properties"]["invoices_count"]["maximum"] = 1_000_000
    assert document_differences(document) == []


def test_a_document_without_the_four_extra_currencies_conforms_too() -> None:
    document = deepcopy(contract.document())
    currency = document["components"]["schemas"]["Currency"]
    currency["enum"] = [code for code in currency["enum"] if code not in {"BHD", "JOD"}]
    assert document_differences(document) == []


# Bodies


@pytest.mark.parametrize(
    "valid",
    [
        body(),
        body(EMPTY_MONTH),
        body(without(EMPTY_MONTH, "amount_cents")),
        body(EMPTY_MONTH, ROW),
        body(ROW | {"currency": "KWD"}),
        body(ROW | {"amount_cents": -(2**63)}, ROW | {"amount_cents": 2**63 - 1}),
    ],
    ids=["empty list", "empty month", "no amount", "both", "extra currency", "64 bits"],
)
def test_a_valid_body_has_no_violations(valid: Json) -> None:
    assert contract.body_violations(valid) == []


@pytest.mark.parametrize(
    ("row", "where", "why"),
    [
        (without(ROW, "month"), "", "'month' is a required property"),
        (without(ROW, "invoices_count"), "", "'invoices_count' is a required property"),
        (ROW | {"amount_cents": 12849.5}, ".amount_cents", "12849.5 is not of type 'integer'"),
        (ROW | {"amount_cents": 12849.0}, ".amount_cents", "12849.0 is not of type 'integer'"),
        (ROW | {"amount_cents": "12849"}, ".amount_cents", "'12849' is not of type 'integer'"),
        (ROW | {"amount_cents": True}, ".amount_cents", "True is not of type 'integer'"),
        (ROW | {"amount_cents": 2**63}, ".amount_cents", "is greater than the maximum"),
        (ROW | {"amount_cents": -(2**63) - 1}, ".amount_cents", "is less than the minimum"),
        (ROW | {"invoices_count": -1}, ".invoices_count", "is less than the minimum of 0"),
        (ROW | {"currency": "XXX"}, ".currency", "'XXX' is not one of"),
        (ROW | {"currency": "usd"}, ".currency", "'usd' is not one of"),
        (ROW | {"payment_status": "paid"}, ".payment_status", "'paid' is not one of"),
        (ROW | {"month": "2026-10-02T00:00:00.000Z"}, ".month", "does not match"),
        (ROW | {"month": "2026-13-01T00:00:00.000Z"}, ".month", "does not match"),
        (ROW | {"month": "2026-10-01"}, ".month", "does not match"),
        (ROW | {"month": ROW["month"] + "\n"}, ".month", "is too long"),
        (ROW | {"organization_id": "x"}, "", "'organization_id' was unexpected"),
        (without(ROW, "currency"), "", "'currency' is a dependency of 'payment_status'"),
        (without(ROW, "payment_status"), "", "'payment_status' is a dependency of 'currency'"),
        (without(ROW, "amount_cents"), "", "'amount_cents' is a dependency of"),
    ],
)
def test_a_row_that_breaks_the_document_is_found(row: Json, where: str, why: str) -> None:
    violations = contract.body_violations(body(EMPTY_MONTH, row))
    assert violations
    for violation in violations:
        assert violation.startswith(f"$.invoice_collections[1]{where}: ")
    assert why in violations[0]


def test_a_null_is_not_a_missing_key() -> None:
    violations = contract.body_violations(body(ROW | {"currency": None}))
    assert violations[0] == "$.invoice_collections[0].currency: None is not of type 'string'"


@pytest.mark.parametrize("wrong", [None, [], "x", {}, {"invoice_collections": {}}])
def test_a_body_of_another_shape_is_found(wrong: object) -> None:
    assert len(contract.body_violations(wrong)) == 1


def test_a_body_with_more_than_the_collection_is_found() -> None:
    violations = contract.body_violations(body() | {"meta": {}})
    assert violations == [
        "$: Additional properties are not allowed ('meta' was unexpected)",
    ]


def test_a_long_body_is_checked_fast_and_a_message_stays_short() -> None:
    rows = [ROW] * 5_000
    start = perf_counter()
    assert contract.body_violations(body(*rows)) == []
    assert perf_counter() - start < 10, "5,000 rows take about a second"
    (violation,) = contract.body_violations(rows)
    assert violation.endswith("is not of type 'object'")
    assert len(violation) < 300


def test_rows_are_judged_by_themselves_and_numbers_by_type_and_bounds() -> None:
    # This is why the least and the greatest figures stand for all others in a check.
    schemas = contract.document()["components"]["schemas"]
    rows = schemas["InvoiceCollections"]["properties"]["invoice_collections"]
    assert rows.keys() == {"description", "type", "items"}
    row = schemas["InvoiceCollectionObject"]
    assert row.keys() - {"description"} == {
        *("type", "required", "additionalProperties", "dependentRequired", "properties"),
    }
    said = {"description", "examples", "format"}
    for name in ("invoices_count", "amount_cents"):
        assert row["properties"][name].keys() - said <= {"type", "minimum", "maximum"}
