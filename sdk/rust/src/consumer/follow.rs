use bytes::BytesMut;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::time::Instant;

use super::fetch::{FetchOptions, LinkMode};
use super::item::{Item, Link, Outcome};
use super::link::LinkReader;
use crate::error::{CallError, Refusal};
use crate::grpc::Code;
use crate::proto::weir::errors::v1::Reason;
use crate::value::Value;

const FOLLOWED_AT_ONCE: usize = 4;

/// How links are followed.
#[derive(Clone)]
pub(super) struct Follow<'a> {
    pub(super) reader: &'a LinkReader,
    /// The address of Weir at the moment.
    pub(super) base: String,
    pub(super) mode: LinkMode,
    pub(super) max_value_bytes: u64,
    pub(super) deadline: Instant,
}

impl<'a> Follow<'a> {
    pub(super) fn new(reader: &'a LinkReader, base: &str, options: &FetchOptions, deadline: Instant) -> Self {
        Follow {
            reader,
            base: base.to_owned(),
            mode: options.links,
            max_value_bytes: options.max_value_bytes,
            deadline,
        }
    }

    /// Turns an outcome with a link into one with a value, or a refusal.
    pub(super) async fn one(&self, outcome: Outcome) -> Outcome {
        let result = match outcome.result {
            Ok(item) if self.is_wanted(&item) => self.value_of(item).await,
            result => result,
        };
        Outcome { result, ..outcome }
    }

    /// Follows the links of many outcomes, some at once; the order stays.
    pub(super) async fn all(&self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let following = outcomes.into_iter().map(|outcome| self.one(outcome));
        stream::iter(following).buffered(FOLLOWED_AT_ONCE).collect().await
    }

    /// Whether there is a link, and it is to be followed.
    pub(super) fn is_wanted(&self, item: &Item) -> bool {
        self.mode == LinkMode::Follow && item.link.is_some() && item.value == Value::Linked
    }

    async fn value_of(&self, item: Item) -> Result<Item, Refusal> {
        let link = match item.link.clone() {
            Some(link) => link,
            None => return Ok(item),
        };
        if link.size_bytes > self.max_value_bytes {
            return Err(too_large(link.size_bytes, self.max_value_bytes));
        }
        match self.read_whole(link).await {
            Ok(bytes) => item.with_bytes(bytes.freeze()),
            Err(error) => Err(Refusal {
                retry_delay: error.retry_delay,
                ..Refusal::new(error.code, error.reason, error.text)
            }),
        }
    }

    async fn read_whole(&self, link: Link) -> Result<BytesMut, CallError> {
        let whole = BytesMut::with_capacity(link.size_bytes as usize);
        let pieces = self.reader.read(link, self.base.clone(), self.deadline);
        pieces
            .try_fold(whole, |mut whole, piece| async move {
                whole.extend_from_slice(&piece);
                Ok(whole)
            })
            .await
    }
}

enum Next {
    Came(Option<Result<Outcome, CallError>>),
    Followed(Outcome),
}

/// Follows the links of outcomes as they come; a large value holds up no other.
pub(super) fn follow_as_they_come<'a>(
    outcomes: BoxStream<'a, Result<Outcome, CallError>>,
    follow: Follow<'a>,
) -> BoxStream<'a, Result<Outcome, CallError>> {
    Box::pin(async_stream::try_stream! {
        let mut outcomes = outcomes.fuse();
        let mut following = stream::FuturesUnordered::new();
        let mut has_ended = false;
        while !has_ended || !following.is_empty() {
            let next = tokio::select! {
                next = outcomes.next(), if !has_ended && following.len() < FOLLOWED_AT_ONCE => Next::Came(next),
                Some(outcome) = following.next() => Next::Followed(outcome),
            };
            match next {
                Next::Came(None) => has_ended = true,
                Next::Came(Some(outcome)) => {
                    let outcome = outcome?;
                    if outcome.result.as_ref().map_or(false, |item| follow.is_wanted(item)) {
                        let follow = follow.clone();
                        following.push(async move { follow.one(outcome).await });
                    } else {
                        yield outcome;
                    }
                }
                Next::Followed(outcome) => yield outcome,
            }
        }
    })
}

fn too_large(size_bytes: u64, max_value_bytes: u64) -> Refusal {
    let text = format!(
        "the value has {size_bytes} bytes, and at most {max_value_bytes} are read: raise max_value_bytes, or fetch it \
         with LinkMode::Keep and read it with read_value"
    );
    Refusal::new(Code::ResourceExhausted, Reason::ItemTooLarge, text)
}
