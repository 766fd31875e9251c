"""Registers a provider with Weir and keeps it registered."""

import asyncio
import random
from dataclasses import dataclass
from typing import Optional, Union

import grpc

from weir._backoff import Backoff
from weir._times import seconds_of
from weir.client import Weir
from weir.errors import WeirCallError
from weir.gen.weir.registry.v1 import registry_pb2, resources_pb2
from weir.gen.weir.registry.v1.registry_pb2_grpc import RegistryServiceStub
from weir.provider.definition import Provider
from weir.provider.manifest import manifest_of, type_manifests_of
from weir.provider.running import log

_BACKOFF = Backoff(first=0.25, most=10)

_PERMANENT = frozenset(
    [
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    ]
)

# How long Weir may take to answer when the provider stops; it may itself be gone.
_FAREWELL_TIMEOUT = 2.0


@dataclass(frozen=True)
class _Lease:
    endpoint_id: str
    seconds: float
    epoch: str
    """The installation that gave it."""


# The life of a registration. Registering and waiting alternate until Weir takes it; live sends
# heartbeats; a forgotten lease leads back to registering; refused is the end, and only reached before
# the first success.


@dataclass(frozen=True)
class _Registering:
    attempt: int = 0
    only_endpoint: bool = False
    """Where Weir remembers, so that what somebody deregistered stays so."""


@dataclass(frozen=True)
class _Waiting:
    after: _Registering
    retry_delay: float


@dataclass(frozen=True)
class _Live:
    lease: _Lease
    failures: int = 0
    """How many heartbeats failed in a row."""


@dataclass(frozen=True)
class _Refused:
    error: WeirCallError


_State = Union[_Registering, _Waiting, _Live, _Refused]


class Registration:
    """A registration that keeps itself alive from `start` until `stop`."""

    def __init__(self, provider: Provider, weir: Weir, url: str, replace: bool) -> None:
        self._provider = provider
        self._weir = weir
        self._registry = RegistryServiceStub(weir.channel)
        self._url = url
        self._replace = replace
        self._lease: Optional[_Lease] = None
        self._registered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: Optional[asyncio.Task[None]] = None

    async def start(self) -> None:
        """Returns once registered for the first time. Raises WeirCallError when Weir refuses for
        good."""
        self._task = asyncio.create_task(self._run())
        await self._registered

    async def stop(self) -> None:
        """Stops heartbeats. The lease then runs out, unless it is given back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def leave(self, *, drain: bool) -> None:
        """Tells Weir that no new calls are wanted, or that the address is gone."""
        if self._lease is None:
            return
        request = registry_pb2.DeregisterEndpointRequest(
            endpoint_id=self._lease.endpoint_id, drain=drain
        )
        try:
            await self._registry.DeregisterEndpoint(request, timeout=_FAREWELL_TIMEOUT)
        except WeirCallError as error:
            log.info("Weir was not told that %s leaves: %s", self._name(), error)

    async def close(self) -> None:
        """Ends the connections to Weir."""
        await self._weir.close()

    @property
    def is_registered(self) -> bool:
        """Whether it ever was registered."""
        return self._lease is not None

    async def _run(self) -> None:
        state: _State = _Registering()
        try:
            while not isinstance(state, _Refused):
                state = await self._step(state)
                if isinstance(state, _Live):
                    self._lease = state.lease
                    if not self._registered.done():
                        self._registered.set_result(None)
            if not self._registered.done():
                self._registered.set_exception(state.error)
        except Exception as error:
            # A fault of the SDK's own: who waits must learn of it.
            if self._registered.done():
                raise
            self._registered.set_exception(error)

    async def _step(self, state: Union[_Registering, _Waiting, _Live]) -> _State:
        match state:
            case _Registering():
                return await self._register(state)
            case _Waiting(after, retry_delay):
                await asyncio.sleep(max(_BACKOFF.wait(after.attempt), retry_delay))
                return _Registering(after.attempt + 1, after.only_endpoint)
            case _Live(lease, failures):
                beat = lease.seconds / 3 * (0.9 + random.random() / 10)
                again = min(beat, _BACKOFF.wait(failures - 1)) if failures else beat
                await asyncio.sleep(again)
                return await self._heartbeat(state)

    async def _register(self, state: _Registering) -> _State:
        try:
            if not state.only_endpoint:
                await self._register_types()
                await self._register_manifest()
            lease = await self._register_endpoint()
        except WeirCallError as error:
            if state.only_endpoint and error.code is grpc.StatusCode.NOT_FOUND:
                if state.attempt == 0:
                    text = "%s was deregistered; it is served again once somebody registers it"
                    log.warning(text, self._name())
            elif not self.is_registered and error.code in _PERMANENT:
                return _Refused(error)
            else:
                log.warning("%s is not registered: %s", self._name(), error)
            return _Waiting(state, error.retry_delay or 0)
        again = " again" if self.is_registered else ""
        log.info("%s is registered%s at %s", self._name(), again, self._url)
        return _Live(lease)

    async def _heartbeat(self, state: _Live) -> _State:
        lease = state.lease
        request = registry_pb2.HeartbeatRequest(endpoint_ids=[lease.endpoint_id])
        try:
            answer = await self._registry.Heartbeat(request, timeout=max(1, lease.seconds / 3))
        except WeirCallError as error:
            if error.reason == "LEASE_UNKNOWN":
                return _Registering()
            log.warning("a heartbeat of %s failed: %s", self._name(), error)
            return _Live(lease, state.failures + 1)
        if answer.unknown_endpoint_ids:
            remembers = answer.epoch != "" and answer.epoch == lease.epoch
            return _Registering(only_endpoint=remembers)
        if state.failures:
            log.info("%s is heard again", self._name())
        seconds = seconds_of(answer.lease) if answer.HasField("lease") else lease.seconds
        return _Live(_Lease(lease.endpoint_id, seconds, lease.epoch))

    # In an order that never dangles; doing it again is safe.

    async def _register_types(self) -> None:
        for manifest in type_manifests_of(self._provider):
            try:
                await self._registry.PublishType(registry_pb2.PublishTypeRequest(manifest=manifest))
            except WeirCallError as error:
                if error.reason != "BUILT_IN":
                    raise
                raise _with_advice(error, f"drop `schema` of {manifest.name}") from error

    async def _register_manifest(self) -> None:
        manifest = manifest_of(self._provider)
        try:
            await self._registry.RegisterProvider(
                registry_pb2.RegisterProviderRequest(manifest=manifest)
            )
        except WeirCallError as error:
            if error.code is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            if not self._replace:
                raise _with_advice(error, "raise its version, or set `replace`") from error
            await self._replace_manifest(manifest)

    async def _replace_manifest(self, manifest: resources_pb2.ProviderManifest) -> None:
        asked = registry_pb2.GetProviderRequest(name=manifest.name, version=manifest.version)
        held = await self._registry.GetProvider(asked)
        await self._registry.UpdateProvider(
            registry_pb2.UpdateProviderRequest(manifest=manifest, etag=held.provider.etag)
        )

    async def _register_endpoint(self) -> _Lease:
        answer = await self._registry.RegisterEndpoint(
            registry_pb2.RegisterEndpointRequest(
                provider=self._provider.name,
                version=self._provider.version,
                endpoint=resources_pb2.EndpointSpec(url=self._url),
            )
        )
        if not answer.endpoint.id or not answer.HasField("lease"):
            text = "Weir answered a registration without an endpoint or lease"
            raise WeirCallError(grpc.StatusCode.INTERNAL, text)
        return _Lease(answer.endpoint.id, max(0.001, seconds_of(answer.lease)), answer.epoch)

    def _name(self) -> str:
        return f"{self._provider.name}@{self._provider.version}"


def _with_advice(error: WeirCallError, advice: str) -> WeirCallError:
    return WeirCallError(
        error.code,
        f"{error.text} ({advice})",
        reason=error.reason,
        retry_delay=error.retry_delay,
        violations=error.violations,
        request_id=error.request_id,
    )
