"""Credentials that an API asks for. The secrets themselves are never here, only their references."""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any, Awaitable, Callable, Literal, Mapping, Optional, Sequence, Union
from urllib.parse import urlencode

from weir.provider import ProviderError, StatusCode
from yarl import URL

from .keys import encode
from .secrets import Secrets, variable_of
from .send import Incoming, Outgoing


@dataclass(frozen=True)
class ApiKey:
    """The secret goes as it is into a header, the query or a cookie."""

    secret: str
    """The reference of the secret."""
    place: Literal["header", "query", "cookie"]
    name: str


@dataclass(frozen=True)
class Basic:
    """The secret is `user:password`."""

    secret: str


@dataclass(frozen=True)
class Bearer:
    """The secret is the token."""

    secret: str


@dataclass(frozen=True)
class ClientCredentials:
    """The secret is `client:secret`, for which a token is got."""

    secret: str
    token_url: str
    """Where tokens are; or where an OpenID provider says where."""
    is_discovery: bool = False
    scopes: Sequence[str] = ()


CredentialSpec = Union[ApiKey, Basic, Bearer, ClientCredentials]
"""A way to tell an API who calls."""


TokenTask = asyncio.Task[tuple[str, float]]
"""A token with the time until which it is used, or the request for it, which all wait for who need
it."""


@dataclass(frozen=True)
class Applied:
    """What is added to a request."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[str] = ()
    """Pairs of the query, as they stand in a URL."""
    cookies: Sequence[str] = ()
    references: Sequence[str] = ()
    """The references that were used, for errors."""
    tokens: Mapping[str, TokenTask] = field(default_factory=dict)
    """The tokens that were used, by their scheme, to forget them when they are refused."""


Send = Callable[[Outgoing], Awaitable[Incoming]]

# A token is not used any more so long before it ends, in seconds.
_TOKEN_MARGIN = 30.0
_TOKEN_DEFAULT = 300.0
_TOKEN_MAX = 24 * 3_600.0


class Credentials:
    """Adds credentials to requests, and holds the tokens that it got."""

    def __init__(
        self, specs: Mapping[str, CredentialSpec], secrets: Secrets, send: Send, timeout: float
    ) -> None:
        """Creates it; `timeout` is the time to get a token in, in seconds."""
        self._specs = specs
        self._secrets = secrets
        self._send = send
        self._timeout = timeout
        self._tokens: dict[str, TokenTask] = {}

    async def apply(self, sets: Sequence[Sequence[str]]) -> Applied:
        """What to add for one of the sets: the first of which every secret is known.

        Raises ProviderError when there is none, naming the secrets of the first; and when no token
        can be got.
        """
        if not sets:
            return Applied()
        chosen = next((names for names in sets if names and all(map(self._is_known, names))), None)
        if chosen is None and any(len(names) == 0 for names in sets):
            return Applied()
        if chosen is None:
            raise _missing([self._specs[name].secret for name in sets[0] if name in self._specs])
        applied = [await self._apply_one(name) for name in chosen]
        return Applied(
            {name: value for each in applied for name, value in each.headers.items()},
            [pair for each in applied for pair in each.query],
            [pair for each in applied for pair in each.cookies],
            [reference for each in applied for reference in each.references],
            {name: task for each in applied for name, task in each.tokens.items()},
        )

    def forget(self, applied: Applied) -> None:
        """Forgets the tokens that were used, since they were refused."""
        for name, task in applied.tokens.items():
            # Another may have taken its place since.
            if self._tokens.get(name) is task:
                del self._tokens[name]

    def _is_known(self, name: str) -> bool:
        return name in self._specs and self._secrets(self._specs[name].secret) is not None

    async def _apply_one(self, name: str) -> Applied:
        spec = self._specs[name]
        secret = self._secrets(spec.secret) or ""
        used = (spec.secret,)
        match spec:
            case ApiKey(place="header"):
                return Applied({spec.name.lower(): secret}, references=used)
            case ApiKey():
                pair = (f"{encode(spec.name)}={encode(secret)}",)
                is_query = spec.place == "query"
                return Applied({}, pair if is_query else (), () if is_query else pair, used)
            case Basic():
                return Applied({"authorization": f"Basic {_base64(secret)}"}, references=used)
            case Bearer():
                return Applied({"authorization": f"Bearer {secret}"}, references=used)
            case ClientCredentials():
                task = self._token(name, spec, secret)
                # Who goes away does not end what others wait for.
                token, _ = await asyncio.shield(task)
                headers = {"authorization": f"Bearer {token}"}
                return Applied(headers, references=used, tokens={name: task})

    def _token(self, name: str, spec: ClientCredentials, secret: str) -> TokenTask:
        task = self._tokens.get(name)
        if task is None or _is_over(task):
            task = asyncio.create_task(self._get_token(spec, secret))
            self._tokens[name] = task
        return task

    async def _get_token(self, spec: ClientCredentials, secret: str) -> tuple[str, float]:
        async with asyncio.timeout(self._timeout):
            token, lasts = await _get_token(spec, secret, self._send)
        return token, time.monotonic() + max(0.0, lasts - _TOKEN_MARGIN)


def _is_over(task: TokenTask) -> bool:
    if not task.done():
        return False
    if task.cancelled() or task.exception() is not None:
        return True
    _, until = task.result()
    return until <= time.monotonic()


def _missing(references: Sequence[str]) -> ProviderError:
    named = ", ".join(f"{each} (or the variable {variable_of(each)})" for each in references)
    text = f"the provider has no credential for the API: set {named}"
    return ProviderError(StatusCode.FAILED_PRECONDITION, text)


async def _get_token(spec: ClientCredentials, secret: str, send: Send) -> tuple[str, float]:
    url = await _discover(spec, send) if spec.is_discovery else URL(spec.token_url)
    form = {"grant_type": "client_credentials"}
    if spec.scopes:
        form["scope"] = " ".join(spec.scopes)
    headers = {
        "accept": "application/json",
        "authorization": f"Basic {_base64(secret)}",
        "content-type": "application/x-www-form-urlencoded",
    }
    answer = await send(Outgoing("POST", url, headers, urlencode(form).encode()))
    held = _read_json(answer)
    token, lasts = held.get("access_token"), held.get("expires_in")
    if answer.status != 200 or not isinstance(token, str):
        text = f"no token was given for {spec.secret} (status {answer.status})"
        raise ProviderError(StatusCode.FAILED_PRECONDITION, text)
    return token, min(lasts, _TOKEN_MAX) if isinstance(lasts, (int, float)) else _TOKEN_DEFAULT


async def _discover(spec: ClientCredentials, send: Send) -> URL:
    answer = await send(Outgoing("GET", URL(spec.token_url), {"accept": "application/json"}))
    endpoint = _read_json(answer).get("token_endpoint")
    try:
        url = URL(endpoint if isinstance(endpoint, str) else "")
    except ValueError:
        url = URL()
    if url.is_absolute():
        return url
    text = "the OpenID provider of the API names no place for tokens"
    raise ProviderError(StatusCode.FAILED_PRECONDITION, text)


def _read_json(answer: Incoming) -> dict[str, Any]:
    try:
        held = json.loads(answer.body)
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
