"""The report and dbt's documentation, opened in headless Chromium."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.conftest import DBT, PROJECT_ROOT, project_under, run_dbt
from tests.unit.report.run_folders import (
    recommendation_metrics,
    repeated_splits,
    write_run,
)
from training.report.page import write_report

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
]
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 3, "mobile": True}

# dbt's page asks for these before its templates are filled in, whatever the project.
DBT_OWN_404 = {
    "/{{ getIcon(item.type, 'on') }}",
    "/{{ getIcon(item.type, 'off') }}",
    "/${require('./assets/favicons/favicon.ico')}",
}
LINEAGE_IDS = """
    const scope = angular.element(document.querySelector('#graph-viz-wrapper')).scope();
    return scope.graph.elements.map(element => element.data.id);
"""
INK_OF_CANVASES = """
    return Math.max(...[...document.querySelectorAll('#cy canvas')].map(canvas => {
        if (!canvas.width || !canvas.height) return 0;
        const pixels = canvas.getContext('2d')
            .getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.filter((value, index) => index % 4 == 3 && value > 0).length;
    }));
"""


@pytest.fixture(scope="module")
def programs():
    """Debian's chromium and chromedriver; selenium is to download nothing."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        reason = f"{' and '.join(missing)} not installed (apt: chromium-driver)"
        if os.environ.get("MOOCMETA_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture
def browser(programs, tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service(executable_path=programs["chromedriver"])
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page with every section."""
    metrics = recommendation_metrics()
    metrics["repeat_splits"] = repeated_splits(metrics)
    return write_report(write_run(tmp_path_factory.mktemp("report") / "run", metrics))


@pytest.fixture(scope="module")
def docs_url(programs, built_project, tmp_path_factory):
    """`dbt docs generate`, then `dbt docs serve` on a free port."""
    # a copy: DuckDB lets nobody write into a file that another test is reading
    scratch = tmp_path_factory.mktemp("docs")
    shutil.copy(built_project.duckdb_path, scratch)
    project = project_under(scratch, PROJECT_ROOT / "sample_data")
    paths = ["--target-path", str(project.target_path)]
    paths += ["--log-path", str(scratch / "logs")]
    generated = run_dbt("docs", "generate", *paths, env=project.env)
    assert generated.returncode == 0, generated.stdout
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [DBT, "docs", "serve", "--no-browser", *address, *paths],
        cwd=PROJECT_ROOT,
        env={**os.environ, **project.env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/index.html"
    try:
        _wait_for(url, server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_report_on_a_desktop(browser, report):
    browser.get(report.as_uri())
    table = browser.find_element(By.CSS_SELECTOR, "#results table")
    assert table.is_displayed()
    for words in ("recall@10", "Session-KNN"):
        assert words in table.text
    plots = browser.find_elements(By.CSS_SELECTOR, "figure svg")
    assert len(plots) == 13
    assert all(plot.size["width"] > 300 and plot.size["height"] > 100 for plot in plots)
    assert errors(browser) == []


def test_report_on_a_phone(browser, report):
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    browser.get(report.as_uri())
    browser.execute_script(
        "document.querySelectorAll('details').forEach(part => part.open = true)"
    )
    assert browser.execute_script("return window.innerWidth") == PHONE["width"]
    root = "return document.documentElement.scrollWidth"
    assert browser.execute_script(root) == PHONE["width"]
    for wide in browser.find_elements(By.CSS_SELECTOR, "table"):
        box = wide.find_element(By.XPATH, "ancestor::div[@class='scroll']")
        assert box.rect["x"] + box.rect["width"] <= PHONE["width"]
    for plot in browser.find_elements(By.CSS_SELECTOR, "figure svg"):
        assert 300 <= plot.rect["width"] <= PHONE["width"] - plot.rect["x"]
    small = "return Math.min(...[...document.querySelectorAll('svg text')].map("
    small += "text => text.getBoundingClientRect().height))"
    assert browser.execute_script(small) >= 8  # CSS pixels
    assert errors(browser) == []


def test_report_follows_the_theme(browser, report):
    seen = []
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        browser.get(report.as_uri())
        seen.append(
            browser.execute_script(
                "const styles = [...arguments].map(selector =>"
                " getComputedStyle(document.querySelector(selector)));"
                "return [styles[0].backgroundColor, styles[1].fill]",
                "section",
                "figure svg text",
            )
        )
    light, dark = seen
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_lineage_from_raw_file_to_trained_model(browser, docs_url):
    browser.get(f"{docs_url}#!/model/model.moocmeta.pairs")
    patience = WebDriverWait(browser, 60)
    patience.until(lambda page: page.find_element(By.TAG_NAME, "h1").text != "")
    assert browser.find_element(By.TAG_NAME, "h1").text.startswith("pairs")
    for title in ("View Lineage Graph", "View Fullscreen"):
        link = browser.find_element(By.CSS_SELECTOR, f"a[title='{title}']")
        patience.until(lambda _, link=link: link.is_displayed())
        link.click()
    patience.until(lambda page: page.execute_script(INK_OF_CANVASES) > 1_000)
    ids = browser.execute_script(LINEAGE_IDS)
    assert "source.moocmeta.xuetangx.events" in ids
    assert "model.moocmeta.pairs" in ids
    assert any(name.startswith("exposure.moocmeta.") for name in ids)
    assert errors(browser) == []


def errors(browser) -> list[str]:
    """What the console complains of, less what dbt's own page always does."""
    return [
        entry["message"]
        for entry in browser.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
        and _path_of(entry["message"]) not in DBT_OWN_404
    ]


def _path_of(message: str) -> str:
    """Path of the address that a "failed to load" message begins with."""
    return urllib.parse.unquote(urllib.parse.urlsplit(message.partition(" - ")[0]).path)


def _wait_for(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"dbt docs serve does not answer at {url}")
