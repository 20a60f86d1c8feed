"""A parsed HTML page, as far as tests ask about one."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"meta", "wbr", "br", "hr", "img", "input", "link"}


@dataclass
class Element:
    """An element with its attributes, children and text."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator["Element"]:
        """The elements within with one of these tags, or with any, in the page's order."""
        for child in self.children:
            if isinstance(child, Element):
                if not tags or child.tag in tags:
                    yield child
                yield from child.all(*tags)

    def ids(self) -> dict[str, "Element"]:
        """The elements within that have an id; fails where two have the same."""
        found = [each for each in self.all() if "id" in each.attributes]
        by_id = {each.attributes["id"]: each for each in found}
        assert len(by_id) == len(found)
        return by_id

    @property
    def text(self) -> str:
        """All text within, with single spaces."""
        texts = (each if isinstance(each, str) else each.text for each in self.children)
        return " ".join("".join(texts).split())

    def rows(self) -> list[list[str]]:
        """The body of a table."""
        (body,) = self.all("tbody")
        return [[cell.text for cell in row.all("th", "td")] for row in body.all("tr")]


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs), (tag, attrs)
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def parsed(html: str) -> Element:
    """The page; fails where an element is not closed in order."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    (page,) = parser.open
    return page
