use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::item::Outcome;
use super::transport::{CallSettings, Transport};
use crate::context_ref::ContextRef;
use crate::error::CallError;
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::router::v1::router_service::FETCH_CONTEXT;
use crate::proto::weir::router::v1::FetchContextRequest;
use crate::time::duration_to_wire;

/// The most refs that a call may carry.
pub(super) const BATCH_MAX: usize = 256;
/// How many calls of one fetch are under way at once.
const PARALLEL_CALLS: usize = 4;
const VALUE_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// What becomes of values that are too large to carry, and come as links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkMode {
    /// Their bytes are got and checked, and the item has its value as any other.
    Follow,
    /// The item has its link, and `Value::Linked`; [`crate::Weir::read_value`] reads it.
    Keep,
}

/// How items are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// The time of the call, retries included. Default: the client's.
    pub timeout: Option<Duration>,
    /// The time for each item; a late item is refused. Default: only the call's.
    pub item_timeout: Option<Duration>,
    /// The least quality acceptable, from 0 to 1. Default: the client's, else any.
    pub min_quality: Option<f64>,
    /// The greatest age acceptable; older items are fetched anew. Default: as the ttl says.
    pub max_age: Option<Duration>,
    /// A token from an earlier write, which the answer then takes into account. Default: none.
    pub consistency_token: String,
    /// What the call is for, such as `support`: policies can ask for it, and records keep it. Default: not stated.
    pub purpose: String,
    /// What becomes of values that come as links. Default: they are followed.
    pub links: LinkMode,
    /// The largest value that is followed, in bytes; a larger one is refused. Default: 64 MiB.
    pub max_value_bytes: u64,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            timeout: None,
            item_timeout: None,
            min_quality: None,
            max_age: None,
            consistency_token: String::new(),
            purpose: String::new(),
            links: LinkMode::Follow,
            max_value_bytes: VALUE_BYTES_DEFAULT,
        }
    }
}

impl FetchOptions {
    pub(super) fn settings(&self) -> CallSettings {
        CallSettings { timeout: self.timeout }
    }
}

/// A ref and its position among those asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) reference: ContextRef,
    pub(super) index: usize,
}

/// The request for some refs.
pub(super) fn fetch_request(batch: &[Wanted], options: &FetchOptions) -> FetchContextRequest {
    FetchContextRequest {
        refs: batch.iter().map(|wanted| wanted.reference.to_wire()).collect(),
        item_timeout: options.item_timeout.map(duration_to_wire),
        min_quality: options.min_quality.unwrap_or(0.0),
        max_age: options.max_age.map(duration_to_wire),
        consistency_token: options.consistency_token.clone(),
        purpose: options.purpose.clone(),
    }
}

/// Cuts refs into batches of a size that a call may carry.
pub(super) fn to_batches(refs: Vec<ContextRef>) -> Vec<Vec<Wanted>> {
    let wanted: Vec<Wanted> =
        refs.into_iter().enumerate().map(|(index, reference)| Wanted { reference, index }).collect();
    wanted.chunks(BATCH_MAX).map(<[Wanted]>::to_vec).collect()
}

/// Fetches any number of refs; the outcomes are in the order given.
pub(super) async fn fetch_all(
    transport: &Transport,
    refs: Vec<ContextRef>,
    options: &FetchOptions,
    deadline: Instant,
) -> Result<Vec<Outcome>, CallError> {
    let calls = to_batches(refs).into_iter().map(|batch| fetch_batch(transport, batch, options, deadline));
    let mut outcomes: Vec<Outcome> =
        stream::iter(calls).buffer_unordered(PARALLEL_CALLS).try_concat().await?;
    outcomes.sort_by_key(|outcome| outcome.index);
    Ok(outcomes)
}

/// Fetches a batch. What does not fit into the response budget is asked for again in batches of a size that fits; an
/// item that does not fit alone stays refused.
async fn fetch_batch(
    transport: &Transport,
    batch: Vec<Wanted>,
    options: &FetchOptions,
    deadline: Instant,
) -> Result<Vec<Outcome>, CallError> {
    let count = batch.len();
    let (mut outcomes, mut pending) = split(ask(transport, &batch, options, deadline).await?);
    let mut size = next_size(count, pending.len());
    while !pending.is_empty() {
        let later = pending.split_off(size.min(pending.len()));
        let part: Vec<Wanted> = pending.iter().map(wanted_again).collect();
        let answered = match ask(transport, &part, options, deadline).await {
            Ok(answered) => answered,
            // What has come so far is kept, and the rest stays refused.
            Err(_) => {
                outcomes.append(&mut pending);
                outcomes.extend(later);
                return Ok(outcomes);
            }
        };
        let (arrived, mut refused) = split(answered);
        outcomes.extend(arrived);
        size = next_size(part.len(), refused.len());
        if part.len() == 1 {
            outcomes.append(&mut refused);
        }
        refused.extend(later);
        pending = refused;
    }
    Ok(outcomes)
}

fn next_size(asked: usize, refused: usize) -> usize {
    match refused {
        0 => (asked * 2).min(BATCH_MAX),
        _ if refused < asked => asked - refused,
        _ => (asked / 2).max(1),
    }
}

fn wanted_again(outcome: &Outcome) -> Wanted {
    Wanted { reference: outcome.reference.clone(), index: outcome.index }
}

/// Parts what is settled from what was over the response budget.
fn split(outcomes: Vec<Outcome>) -> (Vec<Outcome>, Vec<Outcome>) {
    outcomes.into_iter().partition(|outcome| match &outcome.result {
        Ok(_) => true,
        Err(refusal) => refusal.reason != Reason::ResponseBudget,
    })
}

async fn ask(
    transport: &Transport,
    batch: &[Wanted],
    options: &FetchOptions,
    deadline: Instant,
) -> Result<Vec<Outcome>, CallError> {
    let request = fetch_request(batch, options);
    let answer = transport.unary(&FETCH_CONTEXT, &request, deadline).await?;
    let mut results: Vec<_> = batch.iter().map(|_| None).collect();
    for result in answer.results {
        if let Some(place) = results.get_mut(result.index as usize) {
            *place = Some(result);
        }
    }
    let pairs = batch.iter().zip(results);
    Ok(pairs
        .map(|(wanted, result)| Outcome::from_wire(wanted.reference.clone(), wanted.index, result))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_cut_into_batches_that_a_call_may_carry() {
        let refs = (0..600).map(|index| ContextRef::new("A", index.to_string())).collect();
        let batches = to_batches(refs);
        let sizes: Vec<_> = batches.iter().map(Vec::len).collect();
        assert_eq!(sizes, [256, 256, 88]);
        assert_eq!(batches[2][87].index, 599);
    }

    #[test]
    fn the_next_batch_is_of_a_size_that_fits() {
        assert_eq!(next_size(10, 4), 6);
        assert_eq!(next_size(10, 10), 5);
        assert_eq!(next_size(1, 1), 1);
        assert_eq!(next_size(200, 0), 256);
    }
}
