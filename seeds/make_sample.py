"""Writes the sample: four of Lago's tables, filled with two invented companies.

    python seeds/make_sample.py [DIRECTORY]

writes organizations.csv, billing_entities.csv, customers.csv and invoices.csv to seeds/lago, or to
DIRECTORY. An empty field is null. Every run, on every Python, writes the same bytes: all chance
comes from `random.Random.random`, whose sequence Python guarantees, and only basic arithmetic
touches it.

Besides plain business the sample holds at least one invoice for every reason that the report has
for leaving one out, and a month in which nothing of the second company counts (`IRREGULAR`).
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TypeVar

T = TypeVar("T")
Row = dict[str, object]

AS_OF = date(2026, 6, 17)
ONE_DAY = timedelta(days=1)
CLOSING_TIME = datetime(2026, 6, 17, 20, 0, 0)
SEED = 20260617

DRAFT, FINALIZED, VOIDED, GENERATING, FAILED, OPEN, CLOSED, PENDING, DELETED = range(9)
UNPAID, PAID, REFUSED = range(3)
SUBSCRIPTION, ADD_ON, CREDIT, ONE_OFF, ADVANCE_CHARGES, PROGRESSIVE_BILLING = range(6)

# How much customers use, January to December; and the months that close a quarter (0 is January).
SEASON = (0.80, 0.93, 1.10, 0.98, 1.0, 1.1, 0.95, 0.90, 1.08, 1.02, 1.06, 1.28)
QUARTER_ENDS = (2, 5, 8, 11)

# Most customers are billed on the first of the month, some on the last day, the others (0) on a day
# of their own; those who are billed by the quarter, on the quarter's last day.
BILLING_DAYS = ((1, 0.62), (31, 0.13), (0, 0.25))

# What costs a euro cent in the smallest unit of other currencies, and the tax rates in use.
PRICE_LEVEL = {"EUR": 1.0, "USD": 1.1, "GBP": 0.86, "CAD": 1.5, "JPY": 1.6}
TAX_PERCENT = {"EUR": (19, 19, 0), "USD": (0,), "GBP": (20, 20, 0), "CAD": (13, 5), "JPY": (10,)}

# Up to so many days after issuing: the shares of invoices still pending, paid, refused.
PAYMENT_BY_AGE = (
    (17, ((UNPAID, 0.52), (PAID, 0.44), (REFUSED, 0.04))),
    (48, ((UNPAID, 0.20), (PAID, 0.755), (REFUSED, 0.045))),
    (79, ((UNPAID, 0.08), (PAID, 0.88), (REFUSED, 0.04))),
    (140, ((UNPAID, 0.035), (PAID, 0.93), (REFUSED, 0.035))),
    (9999, ((UNPAID, 0.012), (PAID, 0.965), (REFUSED, 0.023))),
)
UNUSUAL_STATUSES = (
    (VOIDED, 0.014),
    (DELETED, 0.006),
    (FAILED, 0.006),
    (CLOSED, 0.004),
    (OPEN, 0.003),
    (PENDING, 0.003),
    (GENERATING, 0.002),
)

# Days until an invoice is due, and what customers call themselves.
PAYMENT_TERMS = ((30, 0.7), (14, 0.15), (60, 0.1), (0, 0.05))
FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Dune", "Ember", "Fjord", "Granite", "Harbour", "Iris")
SECOND_WORDS = ("Analytics", "Bakeries", "Cargo", "Dental", "Energy", "Films", "Games", "Health")
KINDS_OF_EXTRAS = (
    (ONE_OFF, 0.45),
    (ADD_ON, 0.2),
    (PROGRESSIVE_BILLING, 0.15),
    (CREDIT, 0.15),
    (ADVANCE_CHARGES, 0.05),
)


@dataclass(frozen=True)
class Entity:
    """A billing entity; it bills a currency up to a day, or everything that no other bills."""

    code: str
    name: str
    country: str
    timezone: str
    currency: str
    created_at: datetime
    archived_at: datetime | None = None
    deleted_at: datetime | None = None
    bills_currency: str | None = None
    bills_until: date = date.max


@dataclass(frozen=True)
class Company:
    """An organization and the size of its business; the first entity is the default one.

    In the month of `pause` it bills nothing, and in the next one it makes up for a part.
    """

    slug: str
    name: str
    prefix: str
    created_at: datetime
    currencies: tuple[tuple[str, float], ...]
    entities: tuple[Entity, ...]
    first_customers: int
    new_customers_a_month: float
    more_new_customers_each_month: float
    pause: date | None = None


@dataclass(frozen=True)
class Customer:
    """Who is billed: on a day of the month (31 is the last), every `cycle` months, and how much."""

    number: int
    currency: str
    tax_percent: int
    day: int
    cycle: int
    price: int
    pays_by_use: bool
    first_month: int
    last_month: int


QUILLFERN = Company(
    slug="quillfern-cloud",
    name="Quillfern Cloud GmbH",
    prefix="QFC-4B1E",
    created_at=datetime(2024, 7, 2, 9, 14, 27, 318204),
    currencies=(("EUR", 0.61), ("USD", 0.2), ("GBP", 0.13), ("JPY", 0.06)),
    entities=(
        Entity(
            code="default",
            name="Quillfern Cloud GmbH",
            country="DE",
            timezone="Europe/Berlin",
            currency="EUR",
            created_at=datetime(2024, 7, 2, 9, 14, 27, 402771),
        ),
        Entity(
            code="london",
            name="Quillfern Cloud Ltd",
            country="GB",
            timezone="Europe/London",
            currency="GBP",
            created_at=datetime(2024, 7, 2, 9, 40, 2, 117650),
            archived_at=datetime(2025, 10, 1, 8, 30, 11, 905213),
            bills_currency="GBP",
            bills_until=date(2025, 9, 30),
        ),
        Entity(
            code="pilot",
            name="Quillfern Pilot Programme",
            country="DE",
            timezone="Europe/Berlin",
            currency="EUR",
            created_at=datetime(2024, 7, 2, 10, 5, 48, 660094),
            deleted_at=datetime(2024, 11, 15, 16, 22, 39, 73418),
        ),
        Entity(
            code="nordics",
            name="Quillfern Nordics AB",
            country="SE",
            timezone="Europe/Stockholm",
            currency="EUR",
            created_at=datetime(2026, 5, 19, 7, 51, 20, 540866),
        ),
    ),
    first_customers=40,
    new_customers_a_month=3.8,
    more_new_customers_each_month=0.22,
)
MAPLESTRAND = Company(
    slug="maplestrand-software",
    name="Maplestrand Software Inc.",
    prefix="MPS-9D07",
    created_at=datetime(2025, 3, 11, 15, 47, 9, 851336),
    currencies=(("USD", 0.66), ("CAD", 0.24), ("EUR", 0.1)),
    entities=(
        Entity(
            code="default",
            name="Maplestrand Software Inc.",
            country="US",
            timezone="America/New_York",
            currency="USD",
            created_at=datetime(2025, 3, 11, 15, 47, 9, 930582),
        ),
        Entity(
            code="canada",
            name="Maplestrand Canada ULC",
            country="CA",
            timezone="America/Toronto",
            currency="CAD",
            created_at=datetime(2025, 3, 11, 16, 3, 55, 246109),
            bills_currency="CAD",
        ),
    ),
    first_customers=26,
    new_customers_a_month=2.7,
    more_new_customers_each_month=0.25,
    pause=date(2025, 8, 1),
)
COMPANIES = (QUILLFERN, MAPLESTRAND)

# Invoices as a paid one issued on that day, except for what is named.
IRREGULAR: tuple[tuple[Company, date, Row], ...] = (
    # The first organization: what a busy billing system and its imports leave behind.
    (QUILLFERN, date(2024, 5, 31), {}),
    (QUILLFERN, date(2024, 6, 28), {}),
    (QUILLFERN, date(2999, 1, 15), {"payment_status": UNPAID}),
    (QUILLFERN, date(2025, 2, 11), {"status": 9}),
    (QUILLFERN, date(2025, 11, 4), {"payment_status": 3}),
    (QUILLFERN, date(2025, 9, 1), {"issuing_date": None}),
    (QUILLFERN, date(2025, 12, 31), {"currency": None}),
    (QUILLFERN, date(2026, 1, 20), {"currency": "XXX"}),
    (QUILLFERN, date(2026, 3, 3), {"total_amount_cents": "12.5"}),
    (QUILLFERN, date(2025, 6, 24), {"self_billed": "maybe"}),
    (QUILLFERN, date(2025, 4, 10), {"organization_id": "6d0e1b7a-52c9-4f38-9a14-c70f2be86d35"}),
    (QUILLFERN, date(2026, 4, 30), {"organization_id": "6d0e1b7a-52c9-4f38-9a14-c70f2be86d35"}),
    (QUILLFERN, date(2025, 10, 9), {"status": DRAFT, "issuing_date": None}),
    (QUILLFERN, date(2026, 6, 12), {"status": DRAFT, "issuing_date": None, "currency": None}),
    (QUILLFERN, date(2026, 6, 16), {"status": OPEN, "issuing_date": None}),
    (QUILLFERN, date(2025, 7, 15), {"status": GENERATING, "currency": None}),
    (QUILLFERN, date(2025, 5, 22), {"fees_amount_cents": -4200, "invoice_type": CREDIT}),
    # The second one: a few faults, and a month in which billing paused and nothing counts.
    (MAPLESTRAND, date(2025, 2, 28), {}),
    (MAPLESTRAND, date(2026, 2, 28), {"issuing_date": "2026-02-30"}),
    (MAPLESTRAND, date(2026, 5, 5), {"currency": None}),
    (MAPLESTRAND, date(2025, 12, 1), {"total_amount_cents": None}),
    (MAPLESTRAND, date(2026, 6, 15), {"status": DRAFT, "issuing_date": None}),
    (MAPLESTRAND, date(2025, 8, 1), {"status": DRAFT}),
    (MAPLESTRAND, date(2025, 8, 5), {"status": DRAFT}),
    (MAPLESTRAND, date(2025, 8, 31), {"status": DRAFT}),
    (MAPLESTRAND, date(2025, 8, 14), {"self_billed": "t"}),
    (MAPLESTRAND, date(2025, 8, 20), {"status": VOIDED}),
)


class Chance:
    """Draws that are the same on every Python."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def share(self) -> float:
        """A number from 0 up to, but not including, 1."""
        return self._random.random()

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens this time."""
        return self.share() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number; both ends are possible."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, weighted: Sequence[tuple[T, float]]) -> T:
        """One of the values, each as likely as its weight, the last one as what is left."""
        remaining = self.share()
        for value, weight in weighted:
            remaining -= weight
            if remaining < 0:
                return value
        return weighted[-1][0]

    def uuid(self) -> str:
        """A random UUID (version 4)."""
        digits = "".join(f"{self.between(0, 0xFFFF):04x}" for _ in range(8))
        variant = "89ab"[self.between(0, 3)]
        return (
            f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
        )

    def moment(self, day: date, first_hour: int, last_hour: int) -> datetime:
        """A moment of a day, from the start of one hour to the end of the other."""
        seconds = self.between(first_hour * 3600, last_hour * 3600 + 3599)
        midnight = datetime(day.year, day.month, day.day)
        return midnight + timedelta(seconds=seconds, microseconds=self.between(1, 999_999))


class Biller:
    """Makes the rows of one company."""

    def __init__(self, company: Company, chance: Chance) -> None:
        self.company = company
        self.chance = chance
        self.organization_id = chance.uuid()
        self.entity_ids = {entity.code: chance.uuid() for entity in company.entities}
        # Draws of its own, for what was added later to leave the rest as it was.
        self.later_chance = Chance(SEED + len(company.name))
        self.customers: list[Customer] = []
        self.customer_ids: dict[int, str] = {}

    def organization(self) -> Row:
        """The company's row in organizations."""
        company, default = self.company, self.company.entities[0]
        return {
            "id": self.organization_id,
            "name": company.name,
            "created_at": company.created_at,
            "updated_at": company.created_at + timedelta(days=3, seconds=4711),
            "country": default.country,
            "timezone": default.timezone,
            "default_currency": default.currency,
            "document_number_prefix": company.prefix,
            "slug": company.slug,
        }

    def billing_entities(self) -> Iterator[Row]:
        """The company's rows in billing_entities."""
        for entity in self.company.entities:
            yield {
                "id": self.entity_ids[entity.code],
                "organization_id": self.organization_id,
                "code": entity.code,
                "name": entity.name,
                "country": entity.country,
                "timezone": entity.timezone,
                "default_currency": entity.currency,
                "archived_at": entity.archived_at,
                "deleted_at": entity.deleted_at,
                "created_at": entity.created_at,
                "updated_at": entity.deleted_at or entity.archived_at or entity.created_at,
            }

    def customer_rows(self) -> Iterator[Row]:
        """The company's rows in customers, once its invoices are made.

        Some of those that left were deleted; one came back under the external id that it had.
        """
        last = month_index(AS_OF)
        gone: list[str] = []
        for customer in self.customers:
            chance = self.later_chance
            created_at = chance.moment(
                billing_day(customer.first_month, chance.between(1, 5)), 7, 18
            )
            created_at = max(created_at, self.company.created_at + timedelta(hours=customer.number))
            external_id = f"{self.company.slug.split('-')[0]}-{customer.number:04d}"
            deleted_at = None
            if customer.last_month < last - 2 and chance.happens(0.3):
                deleted_at = chance.moment(billing_day(customer.last_month + 2, 15), 8, 17)
                gone.append(external_id)
            elif gone and customer.number == self.company.first_customers + 20:
                external_id = gone[0]
            first, second = (
                words[chance.between(0, len(words) - 1)] for words in (FIRST_WORDS, SECOND_WORDS)
            )
            yield {
                "id": self.customer_ids[customer.number],
                "organization_id": self.organization_id,
                "external_id": external_id,
                "name": None if chance.happens(0.01) else f"{first} {second} {customer.number}",
                "currency": customer.currency,
                "deleted_at": deleted_at,
                "created_at": created_at,
                "updated_at": deleted_at or created_at,
            }

    def invoices(self) -> list[Row]:
        """The company's rows in invoices, oldest first and numbered per customer."""
        customers = self.customers = list(self._customers())
        self.customer_ids = {each.number: self.later_chance.uuid() for each in customers}
        terms = {each.number: self.later_chance.pick(PAYMENT_TERMS) for each in customers}
        rows = [row for customer in customers for row in self._regular(customer)]
        for company, day, changes in IRREGULAR:
            if company is self.company:
                rows.append(self._irregular(customers, day, changes))

        rows = in_order(rows)
        numbered: Counter[object] = Counter()
        for row in rows:
            customer = int(str(row["number"]))
            row |= self._owed(row, customer, terms[customer])
            if row["status"] in (DRAFT, GENERATING, OPEN):
                row["number"] = f"{self.company.prefix}-DRAFT"
                continue
            numbered[customer] += 1
            row["number"] = f"{self.company.prefix}-{customer:03d}-{numbered[customer]:03d}"
        return rows

    def _owed(self, row: Row, customer: int, term: int) -> Row:
        """Whose the invoice is, when it is due, and what was paid of it."""
        chance, issued, total = self.later_chance, row["issuing_date"], row["total_amount_cents"]
        paid = total if row["payment_status"] == PAID and isinstance(total, int) else 0
        if row["payment_status"] == UNPAID and isinstance(total, int) and chance.happens(0.08):
            paid = int(total * chance.share())
        due = None
        if isinstance(issued, date) and not chance.happens(0.005):
            due = issued + timedelta(days=term)
        return {
            "customer_id": self.customer_ids[customer],
            "payment_due_date": due,
            "total_paid_amount_cents": paid,
        }

    def _customers(self) -> Iterator[Customer]:
        company = self.company
        first, last = month_index(company.created_at.date()), month_index(AS_OF)
        number = 0
        for month in range(first, last + 1):
            age = month - first
            arrivals = company.new_customers_a_month + age * company.more_new_customers_each_month
            count = company.first_customers if age == 0 else int(arrivals + self.chance.share())
            for _ in range(count):
                number += 1
                yield self._customer(number, month, last)

    def _customer(self, number: int, month: int, last: int) -> Customer:
        chance = self.chance
        currency = chance.pick(self.company.currencies)
        rates = TAX_PERCENT[currency]
        cycle = chance.pick(((1, 0.88), (3, 0.12)))
        day = 31 if cycle == 3 else chance.pick(BILLING_DAYS) or chance.between(2, 28)
        euro_cents = 9000 / (0.09 + 0.91 * chance.share()) * (0.6 + 0.8 * chance.share())
        if cycle == 1 and chance.happens(0.05):
            euro_cents *= 8
        price = int(euro_cents * PRICE_LEVEL[currency])
        pays_by_use = chance.happens(0.6)
        while last > month and chance.happens(0.13):
            last = chance.between(month, last)
        return Customer(
            number=number,
            currency=currency,
            tax_percent=rates[chance.between(0, len(rates) - 1)],
            day=day,
            cycle=cycle,
            price=price if pays_by_use else price - price % 1000 + 900,
            pays_by_use=pays_by_use,
            first_month=month,
            last_month=last,
        )

    def _regular(self, customer: Customer) -> Iterator[Row]:
        chance, pause = self.chance, self.company.pause
        paused_month = month_index(pause) if pause else None
        growth = 1.0
        for month in range(customer.first_month, customer.last_month + 1):
            growth *= 1.012
            if month == paused_month:
                continue
            price = float(customer.price)
            if customer.pays_by_use:
                price *= SEASON[month % 12] * growth * (0.85 + 0.3 * chance.share())
            if paused_month is not None and month == paused_month + 1:
                price *= 1.5
            issued = billing_day(month, customer.day)
            if customer.cycle == 1 or month % 12 in QUARTER_ENDS:
                yield from self._issued(customer, issued, SUBSCRIPTION, int(price * customer.cycle))
            if chance.happens(0.08):
                issued = billing_day(month, chance.between(2, 31))
                kind = chance.pick(KINDS_OF_EXTRAS)
                fees = customer.price * (0.1 + 0.5 * chance.share())
                yield from self._issued(customer, issued, kind, int(fees))

    def _issued(self, customer: Customer, day: date, kind: int, fees: int) -> Iterator[Row]:
        """The invoice of a day on which the company existed and which has come, else nothing."""
        if not self.company.created_at.date() < day <= AS_OF:
            return
        chance = self.chance
        age = (AS_OF - day).days
        row = self._paid(customer, day, kind, fees)
        row["payment_status"] = chance.pick(by_age(age))

        drafts = 0.07 if age <= 17 else 0.004
        status = chance.pick(((DRAFT, drafts), *UNUSUAL_STATUSES, (FINALIZED, 1.0)))
        if status != FINALIZED:
            row |= {"status": status, "payment_status": UNPAID}
        elif chance.happens(0.01):
            row["self_billed"] = "t"
        elif age > 75 and chance.happens(0.007):
            lost = chance.moment(day + timedelta(days=chance.between(20, 60)), 8, 17)
            row |= {"payment_dispute_lost_at": lost, "updated_at": lost}
        elif chance.happens(0.02):
            # Paid for in full by credits the customer already had.
            row |= {"total_amount_cents": 0, "payment_status": PAID}
        yield row

    def _irregular(self, customers: list[Customer], day: date, changes: Row) -> Row:
        earliest = self.company.created_at.date() + timedelta(days=3)
        customer = customers[self.chance.between(0, self.company.first_customers - 1)]
        row = self._paid(customer, day, SUBSCRIPTION, customer.price)
        if not earliest <= day <= AS_OF:
            # Brought in from elsewhere, or dated wrongly: written down on a day of the company's.
            created_at = self.chance.moment(earliest if day < earliest else date(2026, 6, 9), 9, 16)
            row |= {"created_at": created_at, "updated_at": created_at}
        if "status" in changes:
            row["payment_status"] = UNPAID
        row |= changes
        if "fees_amount_cents" in changes:
            row |= amounts(int(str(changes["fees_amount_cents"])), customer.tax_percent)
        return row

    def _paid(self, customer: Customer, day: date, kind: int, fees: int) -> Row:
        """A plain invoice, finalized and paid; its number is only the customer's as yet."""
        chance = self.chance
        by_night = kind in (SUBSCRIPTION, ADVANCE_CHARGES)
        created_at = chance.moment(day, 0, 4) if by_night else chance.moment(day, 7, 18)
        settled = created_at + timedelta(seconds=int(chance.share() * chance.share() * 20 * 86400))
        return {
            "id": chance.uuid(),
            "organization_id": self.organization_id,
            "billing_entity_id": self.entity_ids[self._entity(customer, day)],
            "number": customer.number,
            "invoice_type": kind,
            "status": FINALIZED,
            "payment_status": PAID,
            "issuing_date": day,
            "currency": customer.currency,
            **amounts(fees, customer.tax_percent),
            "self_billed": "f",
            "payment_dispute_lost_at": None,
            "created_at": created_at,
            "updated_at": settled if settled < CLOSING_TIME else created_at + timedelta(seconds=3),
        }

    def _entity(self, customer: Customer, day: date) -> str:
        """The code of the billing entity that bills a customer on a day."""
        for entity in self.company.entities:
            if entity.bills_currency == customer.currency and day <= entity.bills_until:
                return entity.code
            if entity.deleted_at and customer.number <= 6 and day < date(2024, 10, 1):
                return entity.code
        return self.company.entities[0].code


def by_age(days: int) -> tuple[tuple[int, float], ...]:
    """How the payment statuses of invoices of this age are spread."""
    return next(shares for oldest, shares in PAYMENT_BY_AGE if days <= oldest)


def amounts(fees: int, tax_percent: int) -> Row:
    """The amounts of an invoice that nothing was taken off."""
    taxes = fees * tax_percent // 100
    return {
        "fees_amount_cents": fees,
        "taxes_amount_cents": taxes,
        "total_amount_cents": fees + taxes,
    }


def month_index(day: date) -> int:
    """Months counted through the years, so that the remainder by 12 is 0 in January."""
    return day.year * 12 + day.month - 1


def billing_day(month: int, day: int) -> date:
    """A day of a month given by its index, or its last day where the month is shorter."""
    year, month_of_year = divmod(month, 12)
    following = date(year + (month_of_year == 11), (month_of_year + 1) % 12 + 1, 1)
    return min(date(year, month_of_year + 1, 1) + timedelta(days=day - 1), following - ONE_DAY)


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Rows by creation."""
    return sorted(rows, key=lambda row: (str(row["created_at"]), str(row["id"])))


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Writes rows as CSV; None becomes an empty field."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_sample(directory: Path) -> None:
    """Writes the four tables to a directory."""
    chance = Chance(SEED)
    billers = [Biller(company, chance) for company in COMPANIES]
    invoices = in_order(row for biller in billers for row in biller.invoices())
    directory.mkdir(parents=True, exist_ok=True)
    write_table(
        directory / "organizations.csv",
        [biller.organization() for biller in billers],
    )
    write_table(
        directory / "billing_entities.csv",
        [row for biller in billers for row in biller.billing_entities()],
    )
    write_table(
        directory / "customers.csv",
        in_order(row for biller in billers for row in biller.customer_rows()),
    )
    write_table(directory / "invoices.csv", invoices)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit("usage: python seeds/make_sample.py [DIRECTORY]")
    write_sample(Path(sys.argv[1]) if len(sys.argv) == 2 else Path(__file__).parent / "lago")
