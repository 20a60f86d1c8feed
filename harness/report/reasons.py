"""Why invoices are left out of the report, in the words of the HTML report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """What is so about the invoices, and what to do about it where that is a fault of the data."""

    text: str
    advice: str = ""


REASONS = {
    "unknown_organization": Reason(
        "Its organization is missing or not among those that were loaded",
        "Load the organization, too, or correct organization_id in the source.",
    ),
    "unknown_status": Reason(
        "Its status is missing or none that Lago has",
        "Export status as Lago's code or label, and see whether Lago has a new one.",
    ),
    "not_finalized": Reason("It is not finalized: a draft, voided, or on its way"),
    "self_billed": Reason("It is self-billed: the partner issued it"),
    "payment_dispute_lost": Reason("A dispute about its payment was lost"),
    "unknown_payment_status": Reason(
        "Its payment status is missing or none that Lago has",
        "Export payment_status as Lago's code or label, and see whether Lago has a new one.",
    ),
    "missing_issuing_date": Reason(
        "It is finalized, but has no issuing date",
        "Look the invoice up in Lago and complete issuing_date in the source.",
    ),
    "invalid_issuing_date": Reason(
        "Its issuing date is no existing day written YYYY-MM-DD",
        "Correct issuing_date in the source or the way it is exported.",
    ),
    "missing_currency": Reason(
        "It is finalized, but has no currency",
        "Look the invoice up in Lago and complete currency in the source.",
    ),
    "unknown_currency": Reason(
        "Its currency is none that Lago accepts",
        "Write currency as a code in upper case, such as EUR.",
    ),
    "invalid_amount": Reason(
        "Its amount is missing, no whole number, or too large",
        "Export total_amount_cents as an integer in the currency's smallest unit.",
    ),
    "invalid_self_billed": Reason(
        "Whether it is self-billed cannot be told",
        "Export self_billed as true or false.",
    ),
    "before_first_month": Reason("It is dated before the month its organization was created in"),
    "future_month": Reason("It is dated after the month of the as-of date"),
}
"""By exclusion reason, in the order in which they are tried."""
