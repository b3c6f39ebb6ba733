"""The page in a real browser: it draws, complains of nothing, and leads to a decision.

Needs Chromium and chromedriver (``.ci/browser`` sets them up); skipped with the reason elsewhere.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.report.document.build import page_document
from sim.report.page.render import render
from sim.report.trail.build import TrailBuilder
from sim.scenario.load import load_scenario
from sim.world import run_world

pytestmark = pytest.mark.slow

PLACES = (
    "plot-cost",
    "plot-markouts",
    "plot-timeline",
    "plot-price",
    "plot-depth",
    "plot-causes",
    "plot-latencies",
)
Open = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium that may not reach any network."""
    webdriver = pytest.importorskip("selenium.webdriver")
    browser = next(
        (found for name in ("chromium", "google-chrome") if (found := shutil.which(name))), None
    )
    chromedriver = shutil.which("chromedriver")
    if browser is None or chromedriver is None:
        pytest.skip("no Chromium with chromedriver here: .ci/browser sets them up")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    profile = tmp_path_factory.mktemp("profile")
    for switch in (
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,1000",
        "--proxy-server=127.0.0.1:9",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(switch)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has none for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=chromedriver)
    found = webdriver.Chrome(options=options, service=service)
    yield found
    found.quit()


@pytest.fixture
def show(driver: Any, tmp_path: Path) -> Open:
    """``show(document)`` opens its page, waits for the charts and returns the driver."""
    wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait

    def open_page(document: dict[str, Any]) -> Any:
        path = tmp_path / "report.html"
        path.write_text(render(document), encoding="utf-8")
        driver.get(path.as_uri())
        wait(driver, 20).until(lambda _: drawn(driver))
        return driver

    return open_page


def drawn(driver: Any) -> bool:
    return bool(driver.execute_script("return document.documentElement.dataset.drawn === 'yes'"))


def complaints(driver: Any) -> list[str]:
    return [entry["message"] for entry in driver.get_log("browser")]


def find(driver: Any, selector: str) -> list[Any]:
    found: list[Any] = driver.find_elements("css selector", selector)
    return found


def opened(driver: Any) -> str:
    """Id of the one decision that shows, as soon as one does; the address changes before it."""
    wanted = driver.execute_async_script(
        "const done = arguments[0];"
        "setTimeout(() => done([...document.querySelectorAll('.article')]"
        ".filter((one) => one.checkVisibility()).map((one) => one.id)), 100);"
    )
    (found,) = wanted
    return str(found)


def test_it_draws_every_chart_without_complaint(show: Open, document: dict[str, Any]) -> None:
    driver = show(document)
    assert complaints(driver) == []
    for place in PLACES:
        assert find(driver, f"#{place} svg.main-svg"), place
    marks = "return document.querySelectorAll('#plot-timeline .scatterlayer .point').length"
    assert driver.execute_script(marks) >= 7  # three sent, three filled, one not filled whole
    assert find(driver, "#plot-causes .barlayer .point")
    assert find(driver, ".flow svg path.ribbon")


def test_a_row_leads_to_its_decision_and_back(show: Open, document: dict[str, Any]) -> None:
    driver = show(document)
    assert not find(driver, "#decision-2")[0].is_displayed()
    find(driver, "#decisions td a[href='#decision-2']")[0].click()
    assert opened(driver) == "decision-2"
    text = find(driver, "#decision-2")[0].text
    assert "had 40 of P1 to place" in text
    assert "NYSE was number 1." in text
    assert driver.current_url.endswith("#decision-2")
    find(driver, "#decision-2 a.prev")[0].click()
    assert opened(driver) == "decision-1"
    driver.back()
    assert opened(driver) == "decision-2"
    assert complaints(driver) == []


def test_a_mark_in_a_chart_leads_to_its_decision(show: Open, document: dict[str, Any]) -> None:
    driver = show(document)
    actions = pytest.importorskip("selenium.webdriver.common.action_chains").ActionChains
    points = find(driver, "#plot-price .scatterlayer .point")
    chart = find(driver, "#plot-price")[0]
    driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", chart)
    actions(driver).move_to_element(points[0]).pause(0.2).click().perform()
    assert opened(driver) in {"decision-1", "decision-2"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 500])
def test_it_fits_in_light_and_dark_and_on_narrow_screens(
    show: Open, document: dict[str, Any], scheme: str, width: int
) -> None:
    driver = show(document)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        show(document)
        widths = driver.execute_script(
            "const root = document.documentElement;"
            "return [root.scrollWidth, root.clientWidth,"
            " getComputedStyle(document.body).backgroundColor]"
        )
        assert widths[0] <= widths[1]  # tables scroll by themselves, the page does not
        red = int(widths[2].removeprefix("rgb(").partition(",")[0])
        assert red > 200 if scheme == "light" else red < 60
        assert complaints(driver) == []
    finally:
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_it_prints(show: Open, document: dict[str, Any]) -> None:
    driver = show(document)
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert printed["data"].startswith("JVBERi0")  # %PDF-
    assert complaints(driver) == []


def test_a_page_without_script_has_all_decisions(show: Open, document: dict[str, Any]) -> None:
    driver = show(document)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        driver.refresh()
        for place in ("#decision-1", "#decision-2", "#decisions table", ".flow svg"):
            assert find(driver, place)[0].is_displayed(), place
        assert not find(driver, "#plot-cost")[0].is_displayed()
    finally:
        driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize(
    "name", ["fragmented", "three_real_books", "rejects_and_timeouts", "faulty_day"]
)
def test_the_report_of_a_shipped_scenario_opens(show: Open, name: str) -> None:
    builder = TrailBuilder()
    run_world(load_scenario(name), watch=[builder])
    driver = show(page_document(builder.trail()))
    assert complaints(driver) == []
    assert find(driver, "#plot-timeline svg.main-svg")
    find(driver, "#decisions td a")[0].click()
    assert opened(driver) == "decision-1"


def test_an_empty_document_opens(show: Open) -> None:
    instrument = {"symbol": "X", "tick_size": "0.01", "lot_size": "1"}
    nothing = {
        "schema": "sorsim-report/1",
        "scenario": "nothing",
        "seed": 1,
        "instrument": instrument,
    }
    assert complaints(show(nothing)) == []
