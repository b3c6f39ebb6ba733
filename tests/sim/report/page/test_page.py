"""What stands in the page, whatever the document holds."""

import json
import sys
from html.parser import HTMLParser
from typing import Any

import pytest

from sim.protocol.errors import MissingExtraError
from sim.report.page.render import asset, render

VOID = {"meta", "link", "img", "br", "path", "circle", "rect", "i", "b"}


class Page(HTMLParser):
    """Elements with their attributes, texts by element, and JSON by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.json: dict[str, Any] = {}
        self._id = ""
        self._raw = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)
        self._id = dict(attrs).get("id") or ""
        self._raw = ""

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self._raw += data
        elif data.strip():
            self.texts.append((self.open[-1] if self.open else "", data.strip()))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script" and self._id.startswith("report-"):
            self.json[self._id] = json.loads(self._raw)
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def words(self) -> str:
        return "\n".join(text for _, text in self.texts)

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


def test_the_page_says_what_the_document_says(document: dict[str, Any], evil: str) -> None:
    page = Page(render(document))
    words = page.words()
    assert "160 ACME were bought at 100.01 on average." in words
    assert f"No trade of others was printed at {evil}." in words
    assert "Books do not react to our orders." in words
    assert "gone before arrival" in words
    assert "Nobody else traded." in words
    assert "ab" * 32 in words


def test_a_name_stays_a_name(document: dict[str, Any], evil: str) -> None:
    page = Page(render(document))
    assert not [attrs for tag, attrs in page.elements if tag == "img"]
    assert not [attrs for _, attrs in page.elements if "onerror" in attrs]
    assert evil in [text for tag, text in page.texts if tag == "td"]
    assert page.json["report-data"]["venues"][1]["venue_id"] == evil
    assert "49" not in page.words().split()


def test_nothing_outside_is_asked_for(document: dict[str, Any]) -> None:
    text = render(document)
    page = Page(text)
    for tag, attrs in page.elements:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base", "form"}
        assert "src" not in attrs
        assert (attrs.get("href") or "#").startswith("#")
    (policy,) = [
        attrs["content"] or ""
        for tag, attrs in page.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    script = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe" not in script
    for name in ("page.css", "page.js"):
        assert "://" not in asset(name)
        assert "@import" not in asset(name)


def test_every_element_is_closed(document: dict[str, Any]) -> None:
    """A browser would mend it, and not as meant."""
    text = render(document)
    unclosed: list[str] = []

    class Strict(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                unclosed.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            pass

        def handle_endtag(self, tag: str) -> None:
            assert unclosed.pop() == tag, self.getpos()

    Strict().feed(text)
    assert unclosed == []


def test_every_chart_has_a_place_and_every_link_a_target(document: dict[str, Any]) -> None:
    page = Page(render(document))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    names = [plot["name"] for plot in page.json["report-plots"]]
    assert names == [
        "plot-cost",
        "plot-markouts",
        "plot-timeline",
        "plot-price",
        "plot-depth",
        "plot-causes",
        "plot-latencies",
    ]
    assert set(names) <= set(ids)
    for tag, attrs in page.elements:
        if tag == "a":
            assert (attrs["href"] or "")[1:] in ids


def test_a_decision_can_be_opened(document: dict[str, Any]) -> None:
    page = Page(render(document))
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links.count("#decision-1") >= 2  # from the table and from its children
    assert {"decision-1", "decision-2"} <= set(page.ids())


def test_equal_documents_make_equal_pages(document: dict[str, Any]) -> None:
    assert render(document) == render(json.loads(json.dumps(document)))


def test_another_schema_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="sorsim-report/1, this one says 'sorsim-report/9'"):
        render({**document, "schema": "sorsim-report/9"})


def test_a_wrong_type_is_located(document: dict[str, Any]) -> None:
    document["children"][1]["filled_qty"] = "many"
    with pytest.raises(ValueError, match=r"children\[1\]\.filled_qty"):
        render(document)


def test_without_jinja_the_extra_is_named(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"sorsim\[report\]"):
        render(document)


MINIMAL: dict[str, Any] = {
    "schema": "sorsim-report/1",
    "scenario": "nothing",
    "seed": 1,
    "instrument": {"symbol": "X", "tick_size": "0.01", "lot_size": "1"},
}


def test_a_document_with_nothing_in_it_is_a_page_that_says_so() -> None:
    page = Page(render(MINIMAL))
    assert "The log holds no parent order." in page.words()
    assert "No child order was sent." in page.words()
    assert "The router decided nothing." in page.words()
    assert page.json["report-plots"] == []


@pytest.mark.parametrize(
    "lacks",
    [
        {"market": {}},
        {"market": {"window_ns": [0, 0], "nbbo": None, "quotes": {}}},
        {"decisions": []},
        {"children": []},
        {"children": [], "decisions": [], "latencies": []},
        {"parents": []},
        {"venues": []},
        {"latencies": []},
        {"evidence": {}},
        {"outcome": None, "fault": "line 7: cut off"},
    ],
    ids=" ".join,
)
def test_what_is_missing_leaves_the_rest(document: dict[str, Any], lacks: dict[str, Any]) -> None:
    page = Page(render({**document, **lacks}))
    assert "160 ACME were bought" in page.words()
    assert str(lacks.get("fault", "")) in page.words()


def test_undefined_is_never_a_number(document: dict[str, Any]) -> None:
    parent = document["parents"][0]
    parent |= {"avg_px": None, "arrival_mid": None, "done_ns": None, "fees": None}
    parent["shortfall"] = {"total": None, "parts": None, "why_not_available": "There was no bid."}
    page = Page(render(document))
    assert "There was no bid." in page.words()
    assert "not available" in page.words()
    assert "plot-cost" not in [plot["name"] for plot in page.json["report-plots"]]
    assert "nan" not in page.words().lower().split()


def test_words_promise_only_what_is_there(document: dict[str, Any]) -> None:
    """No best prices without market data, no sum of parts that are not available."""
    whole = render(document)
    assert "The best displayed bid and offer, and each fill" in whole
    assert "add up exactly to the whole" in whole
    document["market"] |= {"nbbo": None, "quotes": {}}
    document["parents"][0]["shortfall"]["parts_bps"] |= {"spread": None}
    lacking = render(document)
    assert "The best displayed bid and offer" not in lacking
    assert "what the venue itself quoted" not in lacking
    assert "add up exactly to the whole" not in lacking


def test_one_column_for_buys_and_sells_is_named_for_both(document: dict[str, Any]) -> None:
    first = document["parents"][0]
    marks = [
        [{"name": "arrival_touch", "title": title, "price": "1", "cost": "1", "cost_bps": "1"}]
        for title in ("best offer at arrival", "best bid at arrival")
    ]
    document["parents"] = [
        {**first, "parent_id": name, "benchmarks": [{"what": "w", **one} for one in mine]}
        for name, mine in zip(("A", "B"), marks, strict=True)
    ]
    text = render(document)
    assert "arrival touch</th>" in text
    assert "best bid at arrival</th>" not in text
