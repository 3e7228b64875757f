"""For tests in a browser: one for each file."""

from collections.abc import Iterator

import browser
import pytest
from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    """A browser, closed after the file's last test."""
    with browser.browser() as started:
        yield started
