"""A picture of a made-up run's report: `python -m tests.browser.screenshot docs/report.png`."""

import sys
import tempfile
from pathlib import Path

from batchctl.runs.html.page import write_report
from tests.batchctl.runs.run_data_samples import partial_run
from tests.browser.devtools import Browser

WIDTH, HEIGHT = 1280, 1860  # down to the timeline


def take_screenshot(path: Path) -> None:
    """The upper part of a partial run's report, light."""
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        report = Path(folder, "report.html")
        write_report(partial_run(), report)
        browser.open_report(report, WIDTH, "light")
        browser.take_picture(path, HEIGHT)


if __name__ == "__main__":
    take_screenshot(Path(sys.argv[1]))
