"""In which language a page of the listener answers."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from web.pages.languages import language_of
from web.pages.return_page import return_page


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB,de;q=0.9", "en"),
        ("en;q=0.4, de;q=0.8", "de"),
        ("pt-BR, de;q=0.1", "de"),
        ("de;q=0", "en"),
        ("de;q=much", "en"),
        ("*", "en"),
        ("", "en"),
    ],
)
def test_a_page_is_in_the_first_language_of_the_browser_that_exists(asked: str, language: str) -> None:
    assert language_of(make_mocked_request("GET", "/return", {"Accept-Language": asked})) == language


async def test_the_return_page_thanks_a_german_in_german() -> None:
    asked = make_mocked_request("GET", "/return?from=paid", {"Accept-Language": "de"})
    answer = await return_page(asked)
    assert answer.headers["Content-Language"] == "de"
    assert answer.text is not None
    assert '<html lang="de">' in answer.text
    assert "<h1>Danke!</h1>" in answer.text
