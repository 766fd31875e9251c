"""Requests of an API, and how arguments are written into them."""

import json
import re
import uuid
from dataclasses import dataclass, replace
from typing import Any, Callable, Literal, Mapping, Optional, Sequence, Union
from urllib.parse import quote

from .keys import encode, encode_part

Place = Literal["path", "query", "header", "cookie"]
"""Where in a request a parameter goes."""


@dataclass(frozen=True)
class ParameterSpec:
    """Where a parameter goes, and how it is written there."""

    name: str
    place: Place
    argument: Optional[str] = None
    """The argument that holds its value. Default: its name."""
    style: Optional[str] = None
    """How lists and objects are written, as OpenAPI has it: `simple`, `label`, `matrix`, `form`,
    `spaceDelimited`, `pipeDelimited`, `deepObject`; or `json`. Default: `form` in query and cookie,
    else `simple`."""
    explode: Optional[bool] = None
    """Whether each element stands alone. Default: as OpenAPI has it, with `form` yes, else no."""
    value: Any = None
    """The value where the argument is absent."""
    allow_reserved: bool = False
    """Whether `/?:@` and the like stay as they are, in a query only."""


@dataclass(frozen=True)
class RequestSpec:
    """A request of an API, without its values."""

    method: str
    path: str
    """From the base of the API, with parameters in braces, such as `/things/{id}`."""
    accept: str
    """The media types that are understood."""
    parameters: Sequence[ParameterSpec] = ()
    base_url: Optional[str] = None
    """Where it is, if not at the base of the API."""
    body_type: Optional[str] = None
    """The media type of the body, which the argument `body` holds. None: it has none."""
    security: Sequence[Sequence[str]] = ()
    """Credentials by name: one of these sets is sent. Empty: none is needed."""


@dataclass(frozen=True)
class BuiltRequest:
    """What of a request depends on its arguments."""

    target: str
    """Path and query, from the base of the API."""
    headers: Mapping[str, str]
    body: Optional[bytes]


Encode = Callable[[str], str]

_DELIMITERS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}
# A part of dots, between slashes of either kind. URLs take it for a way up, and servers that decode
# before they normalise do, however dots and slashes are written.
_WAY_UP = re.compile(r"(?i)(?:^|[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?:\Z|[/\\]|%2f|%5c)")
# These end a header, or are none of it.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_JSON_TYPE = re.compile(r"[/+]json\b")


def build_request(spec: RequestSpec, values: Mapping[str, Any]) -> BuiltRequest:
    """Puts arguments into a request.

    Raises ValueError when a part of the path is missing, or a value cannot be written there.
    """
    given = []
    for parameter in spec.parameters:
        value = values.get(parameter.argument or parameter.name)
        value = parameter.value if value is None else value
        if value is not None:
            given.append((parameter, value))

    def inside(place: Place) -> list[tuple[ParameterSpec, Any]]:
        return [(parameter, value) for parameter, value in given if parameter.place == place]

    path = _path(spec.path, inside("path"))
    query = [pair for parameter, value in inside("query") for pair in _pairs(parameter, value)]
    cookies = [pair for parameter, value in inside("cookie") for pair in _pairs(parameter, value)]
    body, body_type = _body(spec.body_type, values.get("body"))
    headers = {"accept": spec.accept}
    if body_type is not None:
        headers["content-type"] = body_type
    if cookies:
        headers["cookie"] = "; ".join(cookies)
    for parameter, value in inside("header"):
        text = _delimited(parameter, value, str)
        if _CONTROL.search(text):
            raise ValueError("a header cannot hold control characters")
        headers[parameter.name.lower()] = text
    target = path + ("?" + "&".join(query) if query else "")
    return BuiltRequest(target, headers, None if body is None else body.encode())


def _path(template: str, given: Sequence[tuple[ParameterSpec, Any]]) -> str:
    texts = {parameter.name: _path_text(parameter, value) for parameter, value in given}

    def filled(found: re.Match[str]) -> str:
        if found[1] not in texts:
            raise ValueError(f"the argument for {found[0]} is missing")
        return texts[found[1]]

    path = re.sub(r"\{([^}]*)\}", filled, template)
    if _WAY_UP.search(path):
        raise ValueError('a part of the path cannot be "." or "..", however it is written')
    return path


def _path_text(parameter: ParameterSpec, value: Any) -> str:
    name, explode = parameter.name, bool(parameter.explode)
    if parameter.style == "label":
        return "." + _delimited(parameter, value, encode_part, "." if explode else ",")
    if parameter.style != "matrix":
        text = _delimited(parameter, value, encode_part)
        if text == "":
            raise ValueError(f"the argument for {{{name}}} is empty")
        return text
    if not explode or not isinstance(value, (list, dict)):
        return f";{name}=" + _delimited(replace(parameter, explode=False), value, encode_part)
    pairs = value.items() if isinstance(value, dict) else [(name, each) for each in value]
    return "".join(f";{encode_part(key)}={encode_part(_plain(each))}" for key, each in pairs)


def _delimited(parameter: ParameterSpec, value: Any, encoded: Encode, delimiter: str = ",") -> str:
    """Lists as `a,b`, objects as `k,v` or, exploded, `k=v`."""
    if parameter.style == "json":
        return encoded(_json(value))
    if isinstance(value, list):
        return delimiter.join(encoded(_plain(each)) for each in value)
    if not isinstance(value, dict):
        return encoded(_plain(value))
    sign = "=" if parameter.explode else ","
    return delimiter.join(
        f"{encoded(key)}{sign}{encoded(_plain(each))}" for key, each in value.items()
    )


def _plain(value: Any) -> str:
    """A value as text; whole numbers without a fraction, as JSON has them."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _pairs(parameter: ParameterSpec, value: Any) -> list[str]:
    """Pairs of a query or of cookies."""
    name, style = parameter.name, parameter.style or "form"
    explode = style == "form" if parameter.explode is None else parameter.explode
    is_query = parameter.place == "query"
    encoded = _encode_reserved if is_query and parameter.allow_reserved else encode

    def pair(key: str, each: Any) -> str:
        return f"{encode(key)}={encoded(_plain(each))}"

    if style == "json":
        return [pair(name, _json(value))]
    if not isinstance(value, (list, dict)):
        return [pair(name, value)]
    if style == "deepObject":
        return [pair(key, each) for key, each in _deep_pairs(name, value)]
    if explode and isinstance(value, list):
        return [pair(name, each) for each in value]
    if explode and isinstance(value, dict):
        return [pair(key, each) for key, each in value.items()]
    entries = value.items() if isinstance(value, dict) else []
    flat = [part for entry in entries for part in entry] if entries else list(value)
    texts = [encoded(_plain(each)) for each in flat]
    return [f"{encode(name)}={_DELIMITERS.get(style, ',').join(texts)}"]


def _deep_pairs(name: str, value: Union[list[Any], dict[str, Any]]) -> list[tuple[str, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    pairs: list[tuple[str, Any]] = []
    for key, each in entries:
        inner = f"{name}[{key}]"
        pairs += _deep_pairs(inner, each) if isinstance(each, (list, dict)) else [(inner, each)]
    return pairs


def _encode_reserved(text: str) -> str:
    return quote(text, safe="!*'();,/?:@=$")


def _body(body_type: Optional[str], value: Any) -> tuple[Optional[str], Optional[str]]:
    if body_type is None or value is None:
        return None, None
    fields = value if isinstance(value, dict) else {}
    if body_type.startswith("multipart/"):
        return _multipart(fields)
    if body_type == "application/x-www-form-urlencoded":
        pairs = [_pairs(ParameterSpec(name, "query"), each) for name, each in fields.items()]
        return "&".join(pair for several in pairs for pair in several), body_type
    is_text = isinstance(value, str) and not _JSON_TYPE.search(body_type)
    return (value if is_text else _json(value)), body_type


def _multipart(fields: Mapping[str, Any]) -> tuple[str, str]:
    """Fields as texts, and objects as JSON. The boundary is long enough to stand in no value by
    chance."""
    boundary = f"weir-{uuid.uuid4()}"
    parts = []
    for name, value in fields.items():
        is_json = isinstance(value, (list, dict))
        json_type = "content-type: application/json\r\n" if is_json else ""
        disposition = f'content-disposition: form-data; name="{encode(name)}"\r\n'
        parts.append(f"--{boundary}\r\n{disposition}{json_type}\r\n{_plain(value)}\r\n")
    text = "".join(parts) + f"--{boundary}--\r\n"
    return text, f"multipart/form-data; boundary={boundary}"
