"""The page that a payment page leads back to. It shows nothing of anybody, so anybody may see it."""

from __future__ import annotations

from aiohttp import web

_PAID = """Your payment page is done. As soon as the payment is confirmed, usually within seconds, your
roles appear in the server. You can close this page and go back to Discord."""
_CANCELLED = """You left the payment page. Go back to Discord; /subscribe brings you here again whenever
you like."""
_PORTAL = """What you changed reaches Discord within seconds. Close this page and go back there;
/subscriptions shows how things stand."""
_WORDS = {
    "paid": ("Thank you!", _PAID),
    "cancelled": ("Nothing was charged", _CANCELLED),
    "portal": ("All done", _PORTAL),
}

_PAGE = """<!doctype html>
<html lang="en">
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
    """Says what happens now; `from` is paid, cancelled or portal."""
    title, text = _WORDS.get(request.query.get("from", ""), _WORDS["portal"])
    return web.Response(text=_PAGE.format(title=title, text=text), content_type="text/html", headers=_HEADERS)
