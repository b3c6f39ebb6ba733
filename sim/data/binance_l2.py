"""Converter ``binance_l2``: raw Binance recordings -> re-anchored recorded files.

Inputs are raw files of spot and of at least one perpetual, in any order; markets are told apart by
their content, and several files of one market form one recording. Outputs are one recorded file per
market and one report. Spot is the reference of the re-anchoring rule.

A file holds all levels within a fixed band of raw prices: the narrowest in which each side has its
``levels`` best at every update of the window. No level leaves or enters for having fallen out of a
view, so that what was taken at a level is not given back when the view returns. Two passes: the
first finds the band, the second writes.

Source: the exchange's public documentation of its streams, for what is read; own convention: the
re-anchoring rule.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from sim.data.binance import BookUpdate, Market, MarketStream, Print, RawFile, identify
from sim.data.binance_output import (
    Band,
    MarketOutput,
    crossing_statistics,
    market_statistics,
    source_statistics,
)
from sim.data.binance_session import Session, Step
from sim.data.conversion import ConversionError, ConversionReport, Option, Options
from sim.data.reanchor import RULE, Anchor, Top
from sim.data.recorded import RecordedWriter
from sim.protocol.units import Units, format_duration, parse_decimal, parse_duration, plain

OPTIONS: Final = (
    Option("start", "begin of the window, after the first line of all inputs, such as 60s"),
    Option("length", "how long the window is, such as 2min"),
    Option("levels", "so many best levels per side are always there, at least", "20"),
    Option("tick", "tick size of the instrument", "0.01"),
    Option("lot", "lot size of the instrument", "0.00001"),
    Option("unit", "what counts as one: prices times it, quantities divided by it", "1"),
)
REPORT_NAME: Final = "report.json"
REFERENCE: Final = Market.SPOT
REFERENCE_NUMBER: Final = (
    0  # markets are numbered in the order of ``Market``, and spot must be there
)


class _Window(msgspec.Struct, frozen=True):
    """The options, and what they mean on the recorder's clock: start (included) to end (excluded).

    ``base_ns`` is the receive time of the first line of all inputs.
    """

    base_ns: int
    start_ns: int
    end_ns: int
    levels: int
    units: Units
    written: Units
    """Of the files: per unit counted as one."""


class _Survey(msgspec.Struct):
    """What the first pass found; lists are by market number."""

    bands: list[Band]
    spans: list[tuple[int, int]]
    tops: list[Top]


def convert(inputs: Sequence[Path], out: Path, options: Mapping[str, str]) -> ConversionReport:
    """Write ``<market>.l2.csv.gz`` per market and ``report.json`` into the folder ``out``.

    Raises:
        DataFormatError: If an input is wrong.
        ConversionError: If an option is, or the window is not covered by every market.
    """
    given = Options(options, OPTIONS)
    start_ns = given.take("start", parse_duration)
    length_ns = given.take("length", parse_duration)
    levels = given.take("levels", _count)
    tick_size = given.take("tick", parse_decimal)
    lot_size = given.take("lot", parse_decimal)
    unit = given.take("unit", parse_decimal)
    if length_ns == 0 or tick_size <= 0 or lot_size <= 0 or unit <= 0:
        raise ConversionError("options length, tick, lot and unit must be > 0")
    files = _sorted_files(inputs)
    base_ns = min(file.first_ns for found in files.values() for file in found)
    units = Units(tick_size, lot_size)
    begin_ns = base_ns + start_ns
    written = Units(tick_size * unit, lot_size / unit)
    window = _Window(base_ns, begin_ns, begin_ns + length_ns, levels, units, written)
    survey = _look(files, window)
    try:
        out.mkdir(parents=True, exist_ok=True)
        report = _write(files, window, survey, out)
        (out / REPORT_NAME).write_bytes(report.to_json())
    except OSError as error:
        raise ConversionError(f"cannot write to {out}: {error.strerror}") from error
    return report


def _sorted_files(inputs: Sequence[Path]) -> dict[Market, list[RawFile]]:
    """Files by market in the order of ``Market``, each market's earliest first."""
    found = [identify(path) for path in inputs]
    files = {
        market: sorted((file for file in found if file.market is market), key=_first_ns)
        for market in Market
    }
    files = {market: some for market, some in files.items() if some}
    if REFERENCE not in files or len(files) < 2:
        names = ", ".join(market.value for market in files) or "nothing"
        raise ConversionError(
            f"needs raw files of {REFERENCE.value} (the reference) and of at least one other "
            f"market, found {names}"
        )
    return files


def _first_ns(file: RawFile) -> int:
    return file.first_ns


def _look(files: Mapping[Market, Sequence[RawFile]], window: _Window) -> _Survey:
    """First pass: bands, known spans and all tops of the window."""
    session = Session(files, window.units)
    for _ in session.steps(window.start_ns + 1):
        pass
    _check_open(session, window)
    markets = range(len(session.streams))
    tops = [top for market in markets if (top := session.top(market)) is not None]
    bands = [Band(top.bid, top.ask) for top in tops]
    for market in markets:
        bands[market].widen(session.books[market], window.levels)
    for step in session.steps(window.end_ns):
        if isinstance(step.event, BookUpdate):
            bands[step.market].widen(session.books[step.market], window.levels)
            if (top := session.top(step.market)) is not None:
                tops.append(top)
    for market, ended_ns in session.ended_ns.items():
        if ended_ns < window.end_ns:
            raise ConversionError(
                f"the recording of {session.streams[market].market.value} ends "
                f"{_seconds(ended_ns - window.base_ns)} after the first line of all inputs; "
                f"the window must end before, not at {_seconds(window.end_ns - window.base_ns)}"
            )
    return _Survey(bands, [span for span in session.spans if span is not None], tops)


def _check_open(session: Session, window: _Window) -> None:
    """Refuse a start at which some market has no book yet; say the earliest that would do."""
    missing = _without_book(session)
    if not missing:
        return
    names = ", ".join(missing)
    for step in session.steps(window.end_ns):
        if not _without_book(session):
            raise ConversionError(
                f"no book of {names} is known at the start of the window; the earliest start is "
                f"{_seconds(step.recv_ns - window.base_ns)} after the first line of all inputs"
            )
    raise ConversionError(f"no book of {names} is known within the window")


def _without_book(session: Session) -> list[str]:
    return [
        stream.market.value
        for number, stream in enumerate(session.streams)
        if session.top(number) is None
    ]


def _write(
    files: Mapping[Market, Sequence[RawFile]], window: _Window, survey: _Survey, out: Path
) -> ConversionReport:
    """Second pass: the same steps again, written."""
    session = Session(files, window.units)
    for _ in session.steps(window.start_ns + 1):
        pass
    markets = range(len(session.streams))
    anchor = Anchor(len(markets), REFERENCE_NUMBER)
    for market in markets:
        if (top := session.top(market)) is not None:
            anchor.update(top)
    with ExitStack() as stack:
        outputs = [
            MarketOutput(
                stack.enter_context(RecordedWriter(out / _file_name(stream), window.written)), band
            )
            for stream, band in zip(session.streams, survey.bands, strict=True)
        ]
        for market, output in enumerate(outputs):
            output.open(session.books[market], anchor.shifts[market])
        last_ns = 0
        for step in session.steps(window.end_ns):
            t_ns = step.recv_ns - window.start_ns
            if t_ns != last_ns:
                for output in outputs:
                    output.flush(last_ns)
                last_ns = t_ns
            _take(step, session, anchor, outputs)
        for output in outputs:
            output.flush(last_ns)
    return _report(session, files, window, survey, outputs)


def _take(step: Step, session: Session, anchor: Anchor, outputs: Sequence[MarketOutput]) -> None:
    if isinstance(step.event, Print):
        outputs[step.market].trade(step.event.trade)
    elif isinstance(step.event, BookUpdate):
        outputs[step.market].levels(step.changes)
        if (top := session.top(step.market)) is not None:
            for market in anchor.update(top):
                outputs[market].shift(anchor.shifts[market])


def _file_name(stream: MarketStream) -> str:
    return f"{stream.market.value}.l2.csv.gz"


def _report(
    session: Session,
    files: Mapping[Market, Sequence[RawFile]],
    window: _Window,
    survey: _Survey,
    outputs: Sequence[MarketOutput],
) -> ConversionReport:
    units = window.units
    markets = {}
    for number, (stream, output) in enumerate(zip(session.streams, outputs, strict=True)):
        tops = [top for top in survey.tops if top.venue == number]
        markets[stream.market.value] = market_statistics(stream, output, tops, units)
    return ConversionReport(
        converter="binance_l2",
        files=tuple(_file_name(stream) for stream in session.streams),
        venues=tuple(stream.market.value for stream in session.streams),
        rows=sum(output.rows for output in outputs),
        first_ns=0,
        last_ns=max(output.last_ns for output in outputs),
        statistics={
            "rule": RULE,
            "reference": REFERENCE.value,
            "start": format_duration(window.start_ns - window.base_ns),
            "length": format_duration(window.end_ns - window.start_ns),
            "start_receive_ns": window.start_ns,
            "levels": window.levels,
            "tick_size": plain(units.tick_size),
            "lot_size": plain(units.lot_size),
            **_written(window),
            "inputs": source_statistics(file for found in files.values() for file in found),
            "markets": markets,
            "consolidated_book": crossing_statistics(
                survey.tops, len(session.streams), REFERENCE_NUMBER
            ),
        },
        problems=tuple(_problems(session, survey, units)),
    )


def _written(window: _Window) -> dict[str, str]:
    """What the files' numbers are in, where that is another unit than the exchange's."""
    if window.written.lot_size == window.units.lot_size:
        return {}
    return {
        "written_tick_size": plain(window.written.tick_size),
        "written_lot_size": plain(window.written.lot_size),
    }


def _problems(session: Session, survey: _Survey, units: Units) -> Iterator[str]:
    """What a user of the files should know: sizes made smaller, levels that may be missing."""
    for stream, band, span in zip(session.streams, survey.bands, survey.spans, strict=True):
        name = stream.market.value
        rounded = stream.sizes.rounding.rounded
        if rounded:
            yield f"{name}: {rounded} sizes were no whole number of lots and were rounded down"
        if band.low < span[0] or band.high > span[1]:
            yield (
                f"{name}: the {units.price_text(band.low)} to {units.price_text(band.high)} that "
                f"the file keeps reaches beyond the snapshot's {units.price_text(span[0])} to "
                f"{units.price_text(span[1])}; levels out there that did not change are missing"
            )


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) > 0):
        raise ValueError(f"must be a whole number from 1 to 999999, was {text[:40]!a}")
    return int(text)


def _seconds(ns: int) -> str:
    return f"{ns / 1e9:.3f} s"
