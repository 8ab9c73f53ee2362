"""Answers with a file, or with the part of it that a Range header asks for (RFC 9110, section 14)."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

ONE: Final = re.compile(r"bytes=(\d*)-(\d*)")  # of many ranges the whole is sent, which every client can read


def ranged(
    request: Request,
    size: int,
    etag: str,
    pieces: Callable[[int, int], Iterator[bytes]],
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """`pieces`: the bytes from a start to before an end; it may block. `size`: of the whole file."""
    about = {**headers, "accept-ranges": "bytes", "etag": etag}
    start, end, status = 0, size, 200
    if request.headers.get("if-range", etag) == etag and (asked := _asked(request.headers.get("range", ""), size)):
        (start, end), status = asked, 206
        if start >= end:
            return Response(status_code=416, headers={**about, "content-range": f"bytes */{size}"})
        about["content-range"] = f"bytes {start}-{end - 1}/{size}"
    about["content-length"] = str(end - start)
    if request.method == "HEAD":
        return Response(status_code=status, headers=about, media_type=media_type)
    return StreamingResponse(pieces(start, end), status, about, media_type)


def _asked(header: str, size: int) -> tuple[int, int] | None:
    """Start and end; None: the whole. Empty where there is nothing there."""
    match = ONE.fullmatch(header.replace(" ", ""))
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many
        return max(size - int(last), 0), size if int(last) else 0
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size
