use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::time::{sleep, Instant};

use super::fetch::{fetch_request, to_batches, FetchOptions, Wanted};
use super::item::Outcome;
use super::transport::Transport;
use crate::backoff::CALL_BACKOFF;
use crate::context_ref::ContextRef;
use crate::error::CallError;
use crate::grpc::Code;
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::router::v1::router_service::STREAM_CONTEXT;
use crate::proto::weir::router::v1::StreamContextRequest;

/// Streams any number of refs; each outcome comes as soon as it is there.
pub(super) fn stream_all(
    transport: Arc<Transport>,
    refs: Vec<ContextRef>,
    options: FetchOptions,
    deadline: Instant,
) -> BoxStream<'static, Result<Outcome, CallError>> {
    let batches = to_batches(refs).into_iter();
    let streams = batches.map(move |batch| stream_batch(transport.clone(), batch, options.clone(), deadline));
    Box::pin(stream::select_all(streams))
}

/// Streams a batch. When the stream breaks off, what is still open is asked for again: of another router, when the one
/// that was asked stops. So is what it had no room for, once there is some.
fn stream_batch(
    transport: Arc<Transport>,
    batch: Vec<Wanted>,
    options: FetchOptions,
    deadline: Instant,
) -> BoxStream<'static, Result<Outcome, CallError>> {
    Box::pin(async_stream::try_stream! {
        let mut open = batch;
        let mut attempt = 0;
        while !open.is_empty() {
            let asked = open.len();
            let mut left: BTreeMap<usize, Wanted> = open.iter().cloned().enumerate().collect();
            let mut crowded = Vec::new();
            let failure = {
                let results = stream_once(transport.clone(), open, options.clone(), deadline);
                futures_util::pin_mut!(results);
                loop {
                    match results.next().await {
                        None => break None,
                        Some(Err(error)) => break Some(error),
                        Some(Ok((_, outcome))) if is_crowded(&outcome) => crowded.push(outcome),
                        Some(Ok((position, outcome))) => {
                            left.remove(&position);
                            yield outcome;
                        }
                    }
                }
            };
            if failure.is_none() && crowded.is_empty() {
                return;
            }
            let wait = match &failure {
                Some(error) => wait_before_retry(error, attempt, transport.retries),
                // Where some were served there is room for others; where none was, not for ever.
                None if left.len() < asked || attempt < transport.retries => Some(longest_delay(&crowded)),
                None => None,
            };
            match wait.filter(|wait| Instant::now() + *wait < deadline) {
                Some(wait) => sleep(wait).await,
                None => {
                    if let Some(error) = failure {
                        Err(error)?;
                    }
                    for outcome in crowded {
                        yield outcome;
                    }
                    return;
                }
            }
            open = left.into_values().collect();
            attempt += 1;
        }
    })
}

/// The results of one call, with the position of each in the batch.
fn stream_once(
    transport: Arc<Transport>,
    batch: Vec<Wanted>,
    options: FetchOptions,
    deadline: Instant,
) -> BoxStream<'static, Result<(usize, Outcome), CallError>> {
    Box::pin(async_stream::try_stream! {
        let request = StreamContextRequest { fetch: Some(fetch_request(&batch, &options)) };
        let mut messages = transport.stream(&STREAM_CONTEXT, &request, Some(deadline)).await?;
        while let Some(message) = messages.message().await? {
            let result = message.result.unwrap_or_default();
            let position = result.index as usize;
            if let Some(wanted) = batch.get(position) {
                yield (position, Outcome::from_wire(wanted.reference.clone(), wanted.index, Some(result)));
            }
        }
    })
}

/// The router had no room for the item then.
fn is_crowded(outcome: &Outcome) -> bool {
    match &outcome.result {
        Ok(_) => false,
        Err(refusal) => matches!(refusal.reason, Reason::ResponseBudget | Reason::Overloaded),
    }
}

fn longest_delay(crowded: &[Outcome]) -> Duration {
    let delays = crowded.iter().filter_map(|outcome| outcome.result.as_ref().err()?.retry_delay);
    delays.max().unwrap_or_default()
}

/// `None`: the error will not pass.
fn wait_before_retry(error: &CallError, attempt: u32, retries: u32) -> Option<Duration> {
    if error.code != Code::Unavailable || attempt >= retries {
        return None;
    }
    Some(CALL_BACKOFF.wait(attempt).max(error.retry_delay.unwrap_or_default()))
}
