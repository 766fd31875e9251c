use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{header, HeaderMap, HeaderValue};
use prost::Message;
use tokio::time::{sleep, Instant};

use super::addresses::Addresses;
use crate::backoff::CALL_BACKOFF;
use crate::error::{CallError, Error};
use crate::grpc::{Code, Messages, Method, Status};

/// How a call is made.
#[derive(Clone, Debug, Default)]
pub struct CallSettings {
    /// The time of the call, retries included. Default: the client's.
    pub timeout: Option<Duration>,
}

/// Sends the key, gives every call a deadline, tries safe calls again within it, and goes from address to address.
pub(crate) struct Transport {
    pub(crate) addresses: Addresses,
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    headers: HeaderMap,
    budget: RetryBudget,
}

impl Transport {
    pub(crate) fn new(
        addresses: Addresses,
        key: &str,
        timeout: Duration,
        retries: u32,
    ) -> Result<Self, Error> {
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
        let bearer = HeaderValue::from_str(&format!("Bearer {key}")).ok().filter(|_| is_key);
        let mut bearer = bearer.ok_or_else(|| {
            let text = "the key is empty or holds characters that no API key holds: give `weir_...`";
            Error::Config(text.to_owned())
        })?;
        bearer.set_sensitive(true);
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, bearer);
        Ok(Transport { addresses, timeout, retries, headers, budget: RetryBudget::default() })
    }

    pub(crate) fn deadline(&self, settings: &CallSettings) -> Instant {
        Instant::now() + settings.timeout.unwrap_or(self.timeout)
    }

    /// Makes a call that may be sent again if its method says so.
    pub(crate) async fn unary<Req: Message, Res: Message + Default>(
        &self,
        method: &Method<Req, Res>,
        request: &Req,
        deadline: Instant,
    ) -> Result<Res, CallError> {
        self.unary_if(method.is_safe(), method, request, deadline).await
    }

    /// Makes a call. `is_safe`: it may be sent again.
    pub(crate) async fn unary_if<Req: Message, Res: Message + Default>(
        &self,
        is_safe: bool,
        method: &Method<Req, Res>,
        request: &Req,
        deadline: Instant,
    ) -> Result<Res, CallError> {
        let message = request.encode_to_vec();
        let mut attempt = 0;
        loop {
            let failure = match self.unary_once(method, &message, deadline).await {
                Ok(answer) => {
                    self.budget.succeeded();
                    return Ok(answer);
                }
                Err(failure) => failure,
            };
            let wait = CALL_BACKOFF.wait(attempt).max(failure.retry_delay.unwrap_or_default());
            let in_time = Instant::now() + wait < deadline;
            let again = is_safe && attempt < self.retries && failure.is_passing() && in_time;
            if !again || !self.budget.allows() {
                return Err(failure);
            }
            sleep(wait).await;
            attempt += 1;
        }
    }

    async fn unary_once<Req, Res: Message + Default>(
        &self,
        method: &Method<Req, Res>,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Res, CallError> {
        let (at, way) = self.addresses.here();
        let call = way.channel.unary(method.path(), self.headers.clone(), message, Some(deadline));
        let answer = call.await.and_then(|bytes| decode(&bytes));
        answer.map_err(|status| self.failed(at, status))
    }

    /// Makes a call that is answered with many messages. `None`: without a deadline.
    pub(crate) async fn stream<Req: Message, Res: Message + Default>(
        self: &Arc<Self>,
        method: &Method<Req, Res>,
        request: &Req,
        deadline: Option<Instant>,
    ) -> Result<Streaming<Res>, CallError> {
        let (at, way) = self.addresses.here();
        let message = request.encode_to_vec();
        let call = way.channel.stream(method.path(), self.headers.clone(), &message, deadline);
        let messages = call.await.map_err(|status| self.failed(at, status))?;
        Ok(Streaming { messages, transport: self.clone(), at, kind: PhantomData })
    }

    fn failed(&self, at: usize, status: Status) -> CallError {
        let error = CallError::from(status);
        self.addresses.failed(at, &error);
        error
    }
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Status> {
    M::decode(bytes)
        .map_err(|error| Status::new(Code::Internal, format!("the answer cannot be read: {error}")))
}

/// The messages of a call, as they come. Dropping it cancels the call.
pub(crate) struct Streaming<Res> {
    messages: Messages,
    transport: Arc<Transport>,
    at: usize,
    kind: PhantomData<fn() -> Res>,
}

impl<Res: Message + Default> Streaming<Res> {
    /// The next message. `None`: the call has ended well.
    pub(crate) async fn message(&mut self) -> Result<Option<Res>, CallError> {
        let message = self.messages.message().await;
        message
            .and_then(|bytes| bytes.map(|bytes| decode(&bytes)).transpose())
            .map_err(|status| self.transport.failed(self.at, status))
    }

    /// Gives the call up for lost, so that the next one goes to another address.
    pub(crate) fn lost(self, error: &CallError) {
        self.transport.addresses.failed(self.at, error);
    }
}

/// Keeps retries from feeding an overload, as gRPC's retry throttling does: each failure takes a token, each success
/// returns a tenth of one, and below half of the tokens nothing is retried.
struct RetryBudget {
    tokens: Mutex<f64>,
}

const TOKENS_MAX: f64 = 20.0;

impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget { tokens: Mutex::new(TOKENS_MAX) }
    }
}

impl RetryBudget {
    fn succeeded(&self) {
        self.change(0.1);
    }

    fn allows(&self) -> bool {
        self.change(-1.0) > TOKENS_MAX / 2.0
    }

    fn change(&self, by: f64) -> f64 {
        let mut tokens = self.tokens.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *tokens = (*tokens + by).clamp(0.0, TOKENS_MAX);
        *tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_end_with_their_budget_and_come_back_with_successes() {
        let budget = RetryBudget::default();
        let allowed = (0..30).filter(|_| budget.allows()).count();
        assert_eq!(allowed, 9);
        for _ in 0..130 {
            budget.succeeded();
        }
        assert!(budget.allows());
    }
}
