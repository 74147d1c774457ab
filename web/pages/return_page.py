"""The page that people see after a payment page. It shows no personal data, so anybody may open it."""

from __future__ import annotations

from aiohttp import web

from i18n import spoken_language, tr, use_language
from web.pages.languages import language_of

# By the address's `from` parameter, which says where the visitor comes from.
_TEXTS = {
    "paid": ("page.paid_title", "page.paid"),
    "cancelled": ("page.left_title", "page.left"),
    "portal": ("page.changed_title", "page.changed"),
}

_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f2f3f5;
         font: 17px/1.5 system-ui, sans-serif; color: #1e1f22; }}
  main {{ background: #fff; border-radius: 12px; padding: 2.5rem; max-width: 28rem; margin: 1rem;
          box-shadow: 0 2px 12px #0002; }}
  h1 {{ margin: 0 0 .5rem; font-size: 1.5rem; }}
  p {{ margin: 0; }}
  @media (prefers-color-scheme: dark) {{
    body {{ background: #1e1f22; color: #f2f3f5; }}
    main {{ background: #2b2d31; }}
  }}
</style>
</head>
<body><main><h1>{title}</h1><p>{text}</p></main></body>
</html>
"""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


async def return_page(request: web.Request) -> web.Response:
    """Return a page in the browser's language that says what happens next.

    The query's `from` is paid, cancelled or portal.
    """
    title, text = _TEXTS.get(request.query.get("from", ""), _TEXTS["portal"])
    with use_language(language_of(request)):
        page = _PAGE.format(language=spoken_language(), title=tr(title), text=tr(text))
    headers = {**_HEADERS, "Content-Language": language_of(request), "Vary": "Accept-Language"}
    return web.Response(text=page, content_type="text/html", headers=headers)
