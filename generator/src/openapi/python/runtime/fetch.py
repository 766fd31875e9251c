"""Values of a type, got by their keys."""

import re
from dataclasses import dataclass
from typing import Optional, Sequence, Union

from weir.provider import NotModified, Query, Value

from .api import Api, parse_date
from .keys import parts_of
from .request import RequestSpec
from .send import Incoming


@dataclass(frozen=True)
class FetchSpec:
    """How a value is got by its key."""

    request: RequestSpec
    key_parameters: Sequence[str]
    """The parameters of the path that a key is made of, in the order of the path."""


Fetched = Union[None, Value, NotModified]
"""What becomes of a key; None: there is no such thing."""


async def fetch_item(api: Api, spec: FetchSpec, query: Query) -> Fetched:
    """Gets a value: the body of the API's answer as it is, with its tag and its time."""
    parts = parts_of(query.key, len(spec.key_parameters))
    if parts is None or "" in parts:
        return None
    values = dict(zip(spec.key_parameters, parts))
    answer = await api.call(spec.request, values, known_etag=query.known_etag)
    if answer.status in (404, 410):
        return None
    ttl = _ttl(answer)
    if answer.status == 304:
        return NotModified(ttl=ttl)
    modified = answer.headers.get("last-modified")
    return Value(
        answer.body,
        content_type=answer.headers.get("content-type", "application/octet-stream"),
        ttl=ttl,
        etag=answer.headers.get("etag") or None,
        as_of=None if modified is None else parse_date(modified),
    )


def _ttl(answer: Incoming) -> Optional[float]:
    """How long the API says that its answer holds, in seconds."""
    control = answer.headers.get("cache-control", "")
    if re.search(r"\bno-(?:store|cache)\b", control):
        return 0.0
    found = re.search(r"\bmax-age=([0-9]{1,9})\b", control)
    return float(found[1]) if found else None
