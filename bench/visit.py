"""Visits of one page in Chromium: `bench.visit CHROMIUM ADDRESS COOKIE VALUE COUNT`.

Each visit has an empty cache and the session's cookie. Prints a JSON list of pairs: kilobytes
(10^3 bytes) on the wire, and milliseconds from the click until the chart stands.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from playwright.sync_api import Browser, sync_playwright

FLAGS = [
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    "--disable-gpu",
    "--disable-background-networking",
]


def main(chromium: str, address: str, cookie: str, value: str, count: int) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        print(json.dumps([_visit(browser, address, cookie, value) for _ in range(count)]))
        browser.close()


def _visit(browser: Browser, address: str, cookie: str, value: str) -> tuple[float, float]:
    context = browser.new_context()
    context.add_cookies([{"name": cookie, "value": value, "url": address}])
    page = context.new_page()
    wire = context.new_cdp_session(page)
    sizes: list[float] = []

    def finished(one: dict[str, Any]) -> None:
        sizes.append(float(one["encodedDataLength"]))

    wire.on("Network.loadingFinished", finished)
    wire.send("Network.enable")
    begun = time.perf_counter()
    page.goto(address)
    page.locator(".chart svg").first.wait_for()
    took = (time.perf_counter() - begun) * 1000
    page.wait_for_load_state("networkidle")
    context.close()
    return sum(sizes) / 1000, took


if __name__ == "__main__":
    _, where, page_address, name, secret, visits = sys.argv
    main(where, page_address, name, secret, int(visits))
