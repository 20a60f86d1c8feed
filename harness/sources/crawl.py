"""The pages of a crawl: several are asked for at once, and come in their order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from harness.foundation.progress import Progress
from harness.sources.http_answers import in_background
from harness.sources.responses import page_of


class Crawl:
    """All pages of invoices that a Lago has, as (place, body).

    A page holds the newest invoices first, so what is created moves all others on. Asked for one
    after the other, pages then show some invoice twice. Asked for at once, they may miss one: where
    there are not as many invoices at the end as before, `moved` says so.
    """

    def __init__(
        self, ask: Callable[[int], Any], name: str, per_page: int, connections: int
    ) -> None:
        """`ask` gives the body of a page; `name` is what messages call the Lago."""
        self._ask, self._name = ask, name
        self._size, self._connections = per_page, connections
        self.moved = False

    def __iter__(self) -> Iterator[tuple[object, Any]]:
        first = self._ask(1)
        _, last, count = page_of(first, self._name)
        read = len(first["invoices"])
        if last > 1:
            # A Lago may give fewer at a time than it is asked for.
            self._size = read
        at_once = self._connections if last > 2 else 1
        before = self._invoices(last) if at_once > 1 else 0
        progress = Progress()
        body, number, coming, following = first, 1, deque[Future[Any]](), 2
        while items := len(body["invoices"]):
            pages = page_of(body, self._name)[1]
            # Lago's count of pages may be half an hour old; a full page has another after it.
            last = max(pages, number + (items == self._size))
            while following <= last and len(coming) < at_once:
                coming.append(in_background(partial(self._ask, following)))
                following += 1
            progress.show(min(1.0, number / max(1, last)), f", {read:,} of {count:,} invoices")
            yield f"{self._name}, page {number}", body
            if not coming:
                break
            body, number = coming.popleft().result(), number + 1
            read += len(body["invoices"])
        if number == 1 and not read:
            yield f"{self._name}, page 1", first
        if at_once > 1:
            self.moved = self._invoices(last) != before
        progress.end()

    def _invoices(self, page: int) -> int:
        """How many invoices there are, by the last page that has some: it is near to `page`."""
        count = len(self._ask(page)["invoices"])
        if count == self._size:
            while count == self._size:
                page += 1
                count = len(self._ask(page)["invoices"])
        else:
            while not count and page > 1:
                page -= 1
                count = len(self._ask(page)["invoices"])
        return (page - 1) * self._size + count
