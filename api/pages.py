"""What the pages have in common that a browser is shown: what it lets them do, and where their relative URLs lead."""

from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse

from api.paths import prefix_of

BASE: Final = "<!-- base -->"  # stands in a page's head


def headers_allowing(*sources: str) -> dict[str, str]:
    """The headers of a page that loads these (directives of a Content-Security-Policy) and nothing else."""
    policy = ("default-src 'none'", *sources, "form-action 'none'", "base-uri 'self'", "frame-ancestors 'none'")
    return {
        "Content-Security-Policy": "; ".join(policy),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }


def page_of(html: str, request: Request, headers: dict[str, str]) -> HTMLResponse:
    """Behind a prefix its `<!-- base -->` says so: relative URLs lead there, wherever the page itself is."""
    prefix = prefix_of(request.scope)
    base = f'<base href="{prefix}/">' if prefix else ""
    return HTMLResponse(html.replace(BASE, base), headers={**headers, "Vary": "X-Forwarded-Prefix"})
