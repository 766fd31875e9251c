use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use http::{header, HeaderMap};
use prost::Message;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use super::call::answer_call;
use super::definition::Provider;
use super::error::BoxError;
use super::fetch::answer_fetch;
use super::list::answer_list;
use crate::grpc::{Code, MessageStream, Service, Status};
use crate::proto::grpc::health::v1 as health;
use crate::proto::grpc::health::v1::health as health_service;
use crate::proto::grpc::health::v1::health_check_response::ServingStatus;
use crate::proto::weir::provider::v1 as wire;
use crate::proto::weir::provider::v1::provider_service;

/// An error that callers learn nothing of.
pub(crate) struct Fault {
    /// Where it happened, such as `Ticket/1`.
    pub(crate) what: String,
    pub(crate) error: BoxError,
}

pub(crate) type OnFault = Arc<dyn Fn(Fault) + Send + Sync>;

/// What routers call of a provider, and gRPC health.
pub(crate) struct ProviderService {
    provider: Arc<Provider>,
    on_fault: OnFault,
    /// What the bearer token that routers must send hashes to.
    bearer_hash: Option<[u8; 32]>,
    /// Whether no calls are wanted any more.
    stopping: watch::Receiver<bool>,
    /// How many calls of routers are under way.
    under_way: Arc<watch::Sender<usize>>,
}

impl ProviderService {
    pub(crate) fn new(
        provider: Provider,
        token: Option<&str>,
        on_fault: OnFault,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        ProviderService {
            provider: Arc::new(provider),
            on_fault,
            bearer_hash: token.map(|token| Sha256::digest(format!("Bearer {token}")).into()),
            stopping,
            under_way: Arc::new(watch::channel(0).0),
        }
    }

    pub(crate) fn under_way(&self) -> watch::Receiver<usize> {
        self.under_way.subscribe()
    }

    fn describe(&self) -> wire::DescribeResponse {
        let types = self.provider.contexts.iter().map(|context| wire::OfferedType {
            r#type: context.type_name.clone(),
            version: context.version.clone(),
            listable: context.list.is_some(),
        });
        wire::DescribeResponse {
            name: self.provider.name.clone(),
            version: self.provider.version.clone(),
            types: types.collect(),
        }
    }

    fn fetch(&self, request: wire::FetchRequest, deadline: Instant) -> MessageStream {
        let (provider, on_fault) = (self.provider.clone(), self.on_fault.clone());
        many(answer_fetch(provider, request, deadline, on_fault).map(Ok))
    }

    fn list(&self, request: wire::ListRequest, deadline: Instant) -> MessageStream {
        let (provider, on_fault) = (self.provider.clone(), self.on_fault.clone());
        one(async move { answer_list(&provider, request, deadline, &on_fault).await })
    }

    fn call_operation(&self, request: wire::CallRequest, deadline: Instant) -> MessageStream {
        let (provider, on_fault) = (self.provider.clone(), self.on_fault.clone());
        many(answer_call(provider, request, deadline, on_fault).map(Ok))
    }

    fn health(&self) -> health::HealthCheckResponse {
        health_of(*self.stopping.borrow())
    }

    fn check_health(
        &self,
        request: &health::HealthCheckRequest,
    ) -> Result<health::HealthCheckResponse, Status> {
        match is_known(&request.service) {
            true => Ok(self.health()),
            false => Err(Status::new(Code::NotFound, format!("no service \"{}\" here", request.service))),
        }
    }

    fn watch_health(&self, request: &health::HealthCheckRequest) -> MessageStream {
        if !is_known(&request.service) {
            let status = ServingStatus::ServiceUnknown as i32;
            return one(async move { Ok(health::HealthCheckResponse { status }) });
        }
        let stopping = self.stopping.clone();
        many(stream::unfold((stopping, None), |(mut stopping, told)| async move {
            let mut is_stopping = *stopping.borrow_and_update();
            while told == Some(is_stopping) {
                stopping.changed().await.ok()?;
                is_stopping = *stopping.borrow_and_update();
            }
            Some((Ok(health_of(is_stopping)), (stopping, Some(is_stopping))))
        }))
    }

    fn list_health(&self) -> health::HealthListResponse {
        let statuses = [(String::new(), self.health())].into_iter().collect();
        health::HealthListResponse { statuses }
    }
}

impl Service for ProviderService {
    fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), Status> {
        let wanted = match &self.bearer_hash {
            Some(wanted) if is_provider_call(path) => wanted,
            _ => return Ok(()),
        };
        let given = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let given: [u8; 32] = Sha256::digest(given).into();
        // Hashes are compared, so that the time it takes tells nothing of the token.
        match *wanted == given {
            true => Ok(()),
            false => Err(Status::new(Code::Unauthenticated, "the bearer token of this provider is needed")),
        }
    }

    fn call(&self, path: &str, message: Bytes, deadline: Instant) -> MessageStream {
        if path == provider_service::DESCRIBE.path() {
            let answer = self.describe();
            one(async move { Ok(answer) })
        } else if path == provider_service::FETCH.path() {
            decoded(message, |request| self.fetch(request, deadline))
        } else if path == provider_service::LIST.path() {
            decoded(message, |request| self.list(request, deadline))
        } else if path == provider_service::CALL.path() {
            decoded(message, |request| self.call_operation(request, deadline))
        } else if path == health_service::CHECK.path() {
            decoded(message, |request| {
                let answer = self.check_health(&request);
                one(async move { answer })
            })
        } else if path == health_service::WATCH.path() {
            decoded(message, |request| self.watch_health(&request))
        } else if path == health_service::LIST.path() {
            let answer = self.list_health();
            one(async move { Ok(answer) })
        } else {
            failed(Status::new(Code::Unimplemented, format!("this provider has no method {path}")))
        }
    }

    fn begin(&self, path: &str) -> Box<dyn Send> {
        match is_provider_call(path) {
            true => Box::new(UnderWay::begin(&self.under_way)),
            // Watches of health never end, and hold up no stop.
            false => Box::new(()),
        }
    }
}

/// Counts a call for as long as it lives.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn begin(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        UnderWay(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

fn is_provider_call(path: &str) -> bool {
    path.strip_prefix('/')
        .and_then(|path| path.strip_prefix(provider_service::NAME))
        .map_or(false, |rest| rest.starts_with('/'))
}

fn is_known(service: &str) -> bool {
    service.is_empty() || service == provider_service::NAME
}

fn health_of(is_stopping: bool) -> health::HealthCheckResponse {
    let status = if is_stopping { ServingStatus::NotServing } else { ServingStatus::Serving };
    health::HealthCheckResponse { status: status as i32 }
}

fn decoded<M: Message + Default>(message: Bytes, answer: impl FnOnce(M) -> MessageStream) -> MessageStream {
    match M::decode(message) {
        Ok(request) => answer(request),
        Err(error) => {
            failed(Status::new(Code::InvalidArgument, format!("the request cannot be read: {error}")))
        }
    }
}

fn failed(status: Status) -> MessageStream {
    Box::pin(stream::once(async { Err(status) }))
}

fn one<M: Message + 'static>(
    answer: impl std::future::Future<Output = Result<M, Status>> + Send + 'static,
) -> MessageStream {
    many(stream::once(answer))
}

fn many<M: Message + 'static>(
    answers: impl Stream<Item = Result<M, Status>> + Send + 'static,
) -> MessageStream {
    Box::pin(answers.map(|answer| answer.map(|message| message.encode_to_vec().into())))
}
