"""What writes a report and reads it."""

from __future__ import annotations

import pytest
from helpers.report_pages import ReadPage

from skdeepclust import report


@pytest.fixture
def read(tmp_path):
    def write_and_read(clusterer, X, **options) -> ReadPage:
        path = tmp_path / "page.html"
        assert report(clusterer, X, path=path, **options) == path
        assert [each.name for each in tmp_path.iterdir()] == ["page.html"]
        return ReadPage(path)

    return write_and_read
