use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prost::Message;
use rand::Rng;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::definition::Provider;
use crate::backoff::Backoff;
use crate::consumer::{CallSettings, Weir};
use crate::error::CallError;
use crate::grpc::{Code, Method};
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::registry::v1 as wire;
use crate::proto::weir::registry::v1::registry_service as registry;
use crate::time::duration_from_wire;

/// What happened to a served provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// It is registered for the first time.
    Registered,
    /// It is registered again, since Weir had forgotten it.
    Reregistered,
    /// Somebody deregistered it; it is served again once somebody registers it.
    Deregistered,
    /// Weir did not take the registration; it is tried again, unless it was the first and is refused for good.
    RegisterFailed,
    /// A heartbeat was not answered; it is sent again.
    HeartbeatFailed,
    /// A heartbeat is answered again.
    HeartbeatRecovered,
    /// It stops: no new calls are wanted.
    Draining,
    /// It has stopped.
    Closed,
    /// A function failed; callers learn only that it did.
    FunctionFailed,
}

/// Something that happened to a served provider.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProviderEvent {
    /// What kind of thing.
    pub kind: EventKind,
    /// What happened, for people.
    pub text: String,
}

impl ProviderEvent {
    pub(super) fn new(kind: EventKind, text: impl Into<String>) -> Self {
        let text = text.into();
        ProviderEvent { kind, text }
    }
}

pub(super) type OnEvent = Arc<dyn Fn(ProviderEvent) + Send + Sync>;

const REGISTER_BACKOFF: Backoff = Backoff { first: Duration::from_millis(250), max: Duration::from_secs(10) };
const HEARTBEAT_TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// What a registration works with.
pub(super) struct RegistrationOptions {
    pub(super) provider: Provider,
    pub(super) weir: Weir,
    /// The address that routers are told.
    pub(super) endpoint_url: String,
    /// Whether another manifest under the same name and version is replaced.
    pub(super) replace: bool,
    pub(super) on_event: OnEvent,
}

/// A registration that keeps itself alive. Dropping it stops the heartbeats; the lease then runs out, unless it is given
/// back.
pub(super) struct Registration {
    running: JoinHandle<()>,
    lease: Arc<Mutex<Option<Lease>>>,
}

#[derive(Clone)]
struct Lease {
    endpoint_id: String,
    time: Duration,
    /// The installation that gave it.
    epoch: String,
}

/// The life of a registration. `Registering` and `Waiting` alternate until Weir takes it; `Live` sends heartbeats,
/// `failures` counts those that failed in a row; a forgotten lease leads back to `Registering`; `Refused` is the end, and
/// only reached before the first success.
enum State {
    Registering { attempt: u32, what: What },
    Waiting { attempt: u32, what: What, retry_delay: Duration },
    Live { lease: Lease, failures: u32 },
    Refused(CallError),
}

/// What is to be registered: only the endpoint when Weir remembers, so that what somebody deregistered stays so.
#[derive(Clone, Copy, PartialEq)]
enum What {
    All,
    Endpoint,
}

const BEGIN: State = State::Registering { attempt: 0, what: What::All };

impl Registration {
    /// Registers a provider and keeps it registered. The receiver is told when it is registered for the first time, or that
    /// Weir refuses for good.
    pub(super) fn open(
        options: RegistrationOptions,
    ) -> (Registration, oneshot::Receiver<Result<(), CallError>>) {
        let (told, first) = oneshot::channel();
        let lease = Arc::new(Mutex::new(None));
        let running = tokio::spawn(run(options, lease.clone(), told));
        (Registration { running, lease }, first)
    }

    /// The endpoint's id while it is registered.
    pub(super) fn endpoint_id(&self) -> Option<String> {
        locked(&self.lease).as_ref().map(|lease| lease.endpoint_id.clone())
    }

    /// Stops heartbeats.
    pub(super) async fn stop(&mut self) {
        self.running.abort();
        let _ = (&mut self.running).await;
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

async fn run(
    options: RegistrationOptions,
    lease: Arc<Mutex<Option<Lease>>>,
    told: oneshot::Sender<Result<(), CallError>>,
) {
    let mut told = Some(told);
    let mut state = BEGIN;
    loop {
        state = options.step(state, told.is_some()).await;
        let result = match &state {
            State::Live { lease: held, .. } => {
                *locked(&lease) = Some(held.clone());
                Ok(())
            }
            State::Refused(error) => Err(error.clone()),
            _ => continue,
        };
        let is_over = result.is_err();
        if let Some(told) = told.take() {
            // Who does not wait any more has dropped the registration too.
            let _ = told.send(result);
        }
        if is_over {
            return;
        }
    }
}

impl RegistrationOptions {
    /// `is_first`: it never was registered before.
    async fn step(&self, state: State, is_first: bool) -> State {
        match state {
            State::Registering { attempt, what } => self.register(attempt, what, is_first).await,
            State::Waiting { attempt, what, retry_delay } => {
                sleep(REGISTER_BACKOFF.wait(attempt).max(retry_delay)).await;
                State::Registering { attempt: attempt.saturating_add(1), what }
            }
            State::Live { lease, failures } => {
                let beat = (lease.time / 3).mul_f64(rand::thread_rng().gen_range(0.9..=1.0));
                let wait = match failures {
                    0 => beat,
                    _ => beat.min(REGISTER_BACKOFF.wait(failures - 1)),
                };
                sleep(wait).await;
                self.heartbeat(lease, failures).await
            }
            State::Refused(error) => State::Refused(error),
        }
    }

    async fn register(&self, attempt: u32, what: What, is_first: bool) -> State {
        let name = self.provider.label();
        let registered = match what {
            What::All => self.register_all().await,
            What::Endpoint => self.register_endpoint().await,
        };
        let error = match registered {
            Ok(lease) => {
                let (kind, how) = match is_first {
                    true => (EventKind::Registered, "registered"),
                    false => (EventKind::Reregistered, "registered again"),
                };
                self.tell(kind, format!("{name} is {how} at {}", self.endpoint_url));
                return State::Live { lease, failures: 0 };
            }
            Err(error) => error,
        };
        if what == What::Endpoint && error.code == Code::NotFound {
            if attempt == 0 {
                let text = format!("{name} was deregistered; it is served again once somebody registers it");
                self.tell(EventKind::Deregistered, text);
            }
        } else {
            self.tell(EventKind::RegisterFailed, format!("{name}: {error}"));
        }
        if is_first && is_permanent(error.code) {
            return State::Refused(error);
        }
        State::Waiting { attempt, what, retry_delay: error.retry_delay.unwrap_or_default() }
    }

    async fn heartbeat(&self, lease: Lease, failures: u32) -> State {
        let name = self.provider.label();
        let request = wire::HeartbeatRequest { endpoint_ids: vec![lease.endpoint_id.clone()] };
        let settings = CallSettings { timeout: Some(HEARTBEAT_TIMEOUT_MIN.max(lease.time / 3)) };
        match self.weir.unary(&registry::HEARTBEAT, &request, &settings).await {
            Ok(answer) if !answer.unknown_endpoint_ids.is_empty() => {
                let remembers = !answer.epoch.is_empty() && answer.epoch == lease.epoch;
                let what = if remembers { What::Endpoint } else { What::All };
                State::Registering { attempt: 0, what }
            }
            Ok(answer) => {
                if failures > 0 {
                    self.tell(EventKind::HeartbeatRecovered, format!("{name} is heard again"));
                }
                let time = answer.lease.as_ref().map_or(lease.time, duration_from_wire);
                let lease = Lease { time, ..lease };
                State::Live { lease, failures: 0 }
            }
            Err(error) if error.reason == Reason::LeaseUnknown => BEGIN,
            Err(error) => {
                self.tell(EventKind::HeartbeatFailed, format!("{name}: {error}"));
                let failures = failures.saturating_add(1);
                State::Live { lease, failures }
            }
        }
    }

    /// Everything that Weir must know of, in an order that never dangles. Doing it again is safe.
    async fn register_all(&self) -> Result<Lease, CallError> {
        self.register_types().await?;
        self.register_manifest().await?;
        self.register_endpoint().await
    }

    async fn register_types(&self) -> Result<(), CallError> {
        for manifest in self.provider.type_manifests() {
            let name = manifest.name.clone();
            let request = wire::PublishTypeRequest {
                source: Some(wire::publish_type_request::Source::Manifest(manifest)),
            };
            let published = self.ask(&registry::PUBLISH_TYPE, request).await;
            published.map_err(|error| match error.reason {
                Reason::BuiltIn => error.with_advice(&format!("drop the schema of {name}")),
                _ => error,
            })?;
        }
        Ok(())
    }

    async fn register_manifest(&self) -> Result<(), CallError> {
        let request = wire::RegisterProviderRequest {
            source: Some(wire::register_provider_request::Source::Manifest(self.provider.manifest())),
        };
        match self.ask(&registry::REGISTER_PROVIDER, request).await {
            Ok(_) => Ok(()),
            Err(error) if error.code != Code::AlreadyExists => Err(error),
            Err(error) if !self.replace => Err(error.with_advice("raise its version, or set `replace`")),
            Err(_) => self.replace_manifest().await,
        }
    }

    async fn replace_manifest(&self) -> Result<(), CallError> {
        let manifest = self.provider.manifest();
        let request =
            wire::GetProviderRequest { name: manifest.name.clone(), version: manifest.version.clone() };
        let held = self.ask(&registry::GET_PROVIDER, request).await?;
        let request = wire::UpdateProviderRequest {
            source: Some(wire::update_provider_request::Source::Manifest(manifest)),
            etag: held.provider.unwrap_or_default().etag,
        };
        self.ask(&registry::UPDATE_PROVIDER, request).await.map(drop)
    }

    async fn register_endpoint(&self) -> Result<Lease, CallError> {
        let manifest = self.provider.manifest();
        let request = wire::RegisterEndpointRequest {
            provider: manifest.name,
            version: manifest.version,
            endpoint: Some(wire::EndpointSpec { url: self.endpoint_url.clone(), weight: None }),
        };
        let answer = self.ask(&registry::REGISTER_ENDPOINT, request).await?;
        match (answer.endpoint, answer.lease) {
            (Some(endpoint), Some(lease)) => Ok(Lease {
                endpoint_id: endpoint.id,
                time: duration_from_wire(&lease).max(Duration::from_millis(1)),
                epoch: answer.epoch,
            }),
            _ => {
                let text = "Weir answered a registration without an endpoint or lease";
                Err(CallError::new(Code::Internal, Reason::Unspecified, text))
            }
        }
    }

    fn ask<'a, Req, Res>(
        &'a self,
        method: &'a Method<Req, Res>,
        request: Req,
    ) -> impl Future<Output = Result<Res, CallError>> + 'a
    where
        Req: Message + 'a,
        Res: Message + Default,
    {
        async move { self.weir.unary(method, &request, &CallSettings::default()).await }
    }

    fn tell(&self, kind: EventKind, text: String) {
        (self.on_event)(ProviderEvent::new(kind, text));
    }
}

fn is_permanent(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated
    )
}
