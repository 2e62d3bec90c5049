"""The HTML report in a real browser: drawn, quiet, readable on a phone and on a laptop, light and dark."""

from pathlib import Path
from typing import Any

import pytest

from batchctl.runs.html.page import write_report
from tests.batchctl.runs.run_data_samples import SAMPLES, good_run, partial_run
from tests.batchctl.runs.test_html_report import SECTIONS, poison
from tests.browser.devtools import Browser, Scheme

LAPTOP, PHONE = 1280, 390
LOOK = Path(__file__).with_name("look.js").read_text()

PAPER = "getComputedStyle(document.body).backgroundColor"
INK = "getComputedStyle(document.querySelector('[data-figure=latency] .xtick text')).fill"
BARS = "getComputedStyle(document.querySelector('[data-figure=latency] .bars path')).fill"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each sample's report, and one whose every text is hostile."""
    folder = tmp_path_factory.mktemp("reports")
    runs = {name: make() for name, make in SAMPLES.items()} | {"hostile": poison(good_run())}
    for name, data in runs.items():
        write_report(data, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in runs}


def hear(browser: Browser) -> list[dict[str, Any]]:
    """What the page has said on the console, errors of the policy among it."""
    said = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}
    return [event["params"] for event in browser.events if event.get("method") in said]


def list_requests(browser: Browser) -> list[str]:
    """The addresses that were asked for, but for what is in the page itself."""
    requests = [event for event in browser.events if event.get("method") == "Network.requestWillBeSent"]
    urls = [event["params"]["request"]["url"] for event in requests]
    return [url for url in urls if not url.startswith("data:")]


@pytest.mark.parametrize(("width", "scheme"), [(LAPTOP, "light"), (PHONE, "dark")])
@pytest.mark.parametrize("name", [*SAMPLES, "hostile"])
def test_report_can_be_read(browser: Browser, reports: dict[str, Path], name: str, width: int, scheme: Scheme) -> None:
    assert browser.open_report(reports[name], width, scheme) == scheme

    assert browser.run(LOOK) == []
    assert hear(browser) == []
    assert list_requests(browser) == [reports[name].as_uri()]
    assert browser.run("window.owned") is None
    shown = browser.run(
        "[...document.querySelectorAll('section')].filter(part => part.offsetHeight > 40).map(part => part.id)"
    )
    assert sorted(shown) == sorted(SECTIONS)


def test_charts_follow_the_scheme_when_the_reader_changes_it(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open_report(reports["good"], LAPTOP, "light")
    light = [browser.run(what) for what in (PAPER, INK, BARS)]

    browser.set_scheme("dark")
    browser.run(browser.until_drawn("drawn === 'dark'"))

    dark = [browser.run(what) for what in (PAPER, INK, BARS)]
    assert all(before != after for before, after in zip(light, dark, strict=True))
    assert hear(browser) == []


def test_report_is_printed_light_when_the_reader_s_scheme_is_dark(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open_report(reports["good"], LAPTOP, "light")
    light = browser.run(INK)
    browser.open_report(reports["good"], LAPTOP, "dark")

    browser.run("dispatchEvent(new Event('beforeprint'))")
    printed = browser.run(INK)
    browser.run("dispatchEvent(new Event('afterprint'))")

    assert printed == light
    assert browser.run(INK) != light


def test_time_charts_zoom_together(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open_report(reports["good"], LAPTOP, "light")

    other = browser.run(
        """new Promise((kept) => {
          const [one, other] = ["throughput", "writers"].map((name) => document.querySelector(`[data-figure=${name}]`));
          other.on("plotly_relayout", () => kept(other.layout.xaxis.range));
          Plotly.relayout(one, {"xaxis.range": [1, 2]});
        })"""
    )

    assert other == [1, 2]


def test_copy_button_copies_or_selects_its_command(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open_report(reports["partial"], LAPTOP, "light")

    said = browser.run(
        """new Promise((kept) => {
          const button = document.querySelector("header button.copy");
          new MutationObserver(() => kept(button.textContent)).observe(button, {childList: true});
          button.focus();
          document.activeElement.click();
        })"""
    )

    assert said in {"Copied", "Selected"}
    if said == "Selected":  # where the browser has no clipboard
        assert browser.run("getSelection().toString()") == partial_run().failures[0].redrive_command


def test_wide_tables_can_be_scrolled_by_keyboard(browser: Browser, reports: dict[str, Path]) -> None:
    browser.open_report(reports["good"], PHONE, "light")

    assert browser.run("[...document.querySelectorAll('.scroll')].every((part) => part.tabIndex === 0)")
