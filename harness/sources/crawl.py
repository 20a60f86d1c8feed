"""A crawl of invoices, page by page: several are asked for at once, and none is missed for that."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

from harness.foundation.progress import Progress
from harness.sources.http_answers import in_background
from harness.sources.kept_pages import KeptPages
from harness.sources.responses import page_of

_AT_MOST = 48
"""So many pages stand and fall together."""


class Crawl:
    """All pages of invoices that a Lago has, as (place, body), in their order.

    A page holds the newest invoices first, so what is created moves all others on. Asked for one
    after the other, pages then show some invoice twice. Asked for at once, they may miss one: so
    the last of some pages is asked for before and after the others, and where it has not the same
    invoices, the others are asked for again, one after the other.
    """

    def __init__(
        self, ask: Callable[[int], Any], name: str, pages: KeptPages, connections: int
    ) -> None:
        """`ask` gives the body of a page; `name` is what messages call the Lago."""
        self._ask, self._name, self._pages = ask, name, pages
        self._connections = connections
        self._progress = Progress()
        self._before = pages.count
        self._last = 0

    def __iter__(self) -> Iterator[tuple[object, Any]]:
        number = 1
        self._in_order(range(1, 2))
        body = self._pages.read(1)
        yield f"{self._name}, page 1", body
        # A Lago may give fewer at a time than it is asked for.
        size = items = len(body["invoices"])
        self._last = page_of(body, self._name)[1]
        # Lago's count of pages may be half an hour old; a full page has another after it.
        while items and (number < self._last or items == size):
            start = number + 1
            end = self._get(start, min(max(start, self._last), number + _AT_MOST))
            for number in range(start, end + 1):
                body = self._pages.read(number)
                items = len(body["invoices"])
                if not items:
                    break
                self._last = page_of(body, self._name)[1]
                yield f"{self._name}, page {number}", body
        self._progress.end()

    def _get(self, start: int, end: int) -> int:
        """Get the pages from `start` to `end`, or to another end that a mark names; returns it."""
        mark = self._pages.mark(start)
        if mark and self._pages.is_resumed and self._ids(self._ask(mark[0])) != mark[1]:
            self._forget(range(start, mark[0]))
            mark = None
        few = end - start < 2 or self._connections == 1
        if not mark and (few or any(map(self._pages.has, range(start, end + 1)))):
            self._in_order(range(start, end + 1))
            return end
        if not mark:
            mark = end, self._ids(self._ask(end))
            self._pages.set_mark(start, *mark)
        end, ids = mark
        self._at_once(range(start, end))
        following = self._following(end)
        body = self._ask(end)
        if self._ids(body) == ids:
            self._keep(end, body)
            self._pages.remove_mark(start)
            if following:
                page, coming = following
                self._pages.set_mark(end + 1, page, self._ids(coming.result()))
        else:
            self._forget(range(start, end))
            self._in_order(range(start, end + 1))
        return end

    def _following(self, end: int) -> tuple[int, Future[Any]] | None:
        """The last of the pages after `end` that are to be asked for at once; it is on its way."""
        page = min(self._last, end + _AT_MOST)
        if page - end < 3:
            return None
        return page, in_background(partial(self._ask, page))

    def _in_order(self, numbers: range) -> None:
        for number in numbers:
            if not self._pages.has(number):
                self._keep(number, self._ask(number))

    def _at_once(self, numbers: range) -> None:
        missing = iter([number for number in numbers if not self._pages.has(number)])
        coming = deque[tuple[int, Future[Any]]]()

        def ask_for_next() -> None:
            if number := next(missing, None):
                coming.append((number, in_background(partial(self._ask, number))))

        for _ in range(self._connections):
            ask_for_next()
        while coming:
            number, page = coming.popleft()
            body = page.result()
            ask_for_next()
            self._keep(number, body)

    def _keep(self, number: int, body: Any) -> None:
        self._pages.keep(number, body)
        # Of what is asked for by this run, so that the time that is left is right.
        share = (number - self._before) / max(1, self._last - self._before)
        self._progress.show(min(1.0, max(0.0, share)), f", page {number:,} of {self._last:,}")

    def _forget(self, numbers: range) -> None:
        self._pages.forget(numbers)
        self._pages.remove_mark(numbers.start)

    @staticmethod
    def _ids(body: Any) -> list[str]:
        return [str(each.get("lago_id")) for each in body["invoices"]]
