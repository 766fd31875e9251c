use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};

use super::answer::{Answer, Payload};
use super::error::{BoxError, ProviderError, INTERNAL_TEXT};
use crate::grpc::Code;
use crate::proto::weir::provider::v1 as wire;
use crate::proto::weir::provider::v1::fetch_result::Outcome;
use crate::sensitivity::Sensitivity;
use crate::time::duration_to_wire;

/// The largest message that a provider sends: what gRPC clients accept by default.
pub(super) const MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The largest part that is sent of a value; a router takes up to 1 MiB.
pub(super) const PART_BYTES: usize = 256 * 1024;
/// What a result and its message need beside the content: tags, lengths, the index.
const ENVELOPE_BYTES: usize = 64;
/// What is sent of the text of an error, in characters; routers show less.
const TEXT_MAX_CHARS: usize = 1_000;
const RETRY_DELAY_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const ETAG_CHARS: usize = 22;

/// An outcome and the bytes it takes in a message.
pub(super) struct Encoded {
    pub(super) outcome: Outcome,
    pub(super) bytes: usize,
}

/// What a query comes to: an outcome, and what is still to be sent of its value, part by part.
pub(super) struct Encoding {
    pub(super) first: Encoded,
    pub(super) rest: Rest,
}

pub(super) enum Rest {
    Nothing,
    Bytes(Bytes),
    Stream(ByteStream),
}

pub(super) struct ByteStream {
    pub(super) size_bytes: u64,
    pub(super) pieces: futures_util::stream::BoxStream<'static, Result<Bytes, BoxError>>,
}

/// Encodes what an author's function answered. Fails when what stands beside the value is too large, or of no allowed form.
pub(super) fn encode_answer(answer: Option<Answer>, known_etag: &str) -> Result<Encoding, BoxError> {
    let mut answer = match answer {
        Some(answer) => answer,
        None => return Ok(alone(small(Outcome::NotFound(wire::NotFound {})))),
    };
    let payload = std::mem::replace(&mut answer.payload, Payload::NotModified);
    let ttl = answer.ttl;
    let (payload, stream) = match payload {
        Payload::NotModified => return not_modified(ttl, known_etag),
        Payload::NoJson(error) => return Err(error.into()),
        Payload::Whole(payload) => (payload, None),
        Payload::Stream { size_bytes, pieces } => (Bytes::new(), Some(ByteStream { size_bytes, pieces })),
    };
    let etag = match (answer.etag.take(), &stream) {
        (Some(etag), _) => etag,
        (None, Some(_)) => String::new(),
        (None, None) => etag_of(&payload),
    };
    if !etag.is_empty() && etag == known_etag {
        return not_modified(ttl, known_etag);
    }
    with_payload(content_of(answer, etag)?, payload, stream)
}

fn with_payload(
    mut content: wire::Content,
    payload: Bytes,
    stream: Option<ByteStream>,
) -> Result<Encoding, BoxError> {
    let beside = content.encoded_len() + ENVELOPE_BYTES;
    if beside + PART_BYTES > MESSAGE_MAX_BYTES {
        let text = format!("what stands beside the value takes {beside} bytes, which no message holds");
        return Err(ProviderError::new(Code::ResourceExhausted, text).into());
    }
    let (bytes, rest) = match stream.filter(|stream| stream.size_bytes > 0) {
        Some(stream) => {
            content.total_bytes = stream.size_bytes;
            (beside, Rest::Stream(stream))
        }
        None if beside + payload.len() > MESSAGE_MAX_BYTES => {
            content.total_bytes = payload.len() as u64;
            (beside, Rest::Bytes(payload))
        }
        None => {
            let bytes = beside + payload.len();
            content.payload = payload;
            (bytes, Rest::Nothing)
        }
    };
    let outcome = Outcome::Content(content);
    Ok(Encoding { first: Encoded { outcome, bytes }, rest })
}

/// The next bytes of a value.
pub(super) fn encode_part(data: Bytes) -> Encoded {
    Encoded { bytes: data.len() + ENVELOPE_BYTES, outcome: Outcome::Part(wire::ContentPart { data }) }
}

/// Encodes an error of a query. That something is not found is an outcome of its own.
pub(super) fn encode_error(error: &BoxError) -> Encoded {
    let failure = failure_of(error);
    if failure.code == Code::NotFound as u32 {
        return small(Outcome::NotFound(wire::NotFound {}));
    }
    Encoded { bytes: failure.encoded_len() + ENVELOPE_BYTES, outcome: Outcome::Failure(failure) }
}

/// What callers learn of an error. What is no `ProviderError` stays in this process.
pub(super) fn failure_of(error: &BoxError) -> wire::Failure {
    match error.downcast_ref::<ProviderError>() {
        None => {
            wire::Failure { code: Code::Internal as u32, text: INTERNAL_TEXT.to_owned(), retry_delay: None }
        }
        Some(told) => wire::Failure {
            code: told.code as u32,
            text: told.text.chars().take(TEXT_MAX_CHARS).collect(),
            retry_delay: told.retry_delay.map(|delay| duration_to_wire(delay.min(RETRY_DELAY_MAX))),
        },
    }
}

/// The tag of a value that its author gave none.
pub(super) fn etag_of(payload: &[u8]) -> String {
    let mut etag = base64::encode_config(Sha256::digest(payload), base64::URL_SAFE_NO_PAD);
    etag.truncate(ETAG_CHARS);
    etag
}

fn content_of(answer: Answer, etag: String) -> Result<wire::Content, BoxError> {
    if let Some(quality) = answer.quality.filter(|quality| !(0.0..=1.0).contains(quality)) {
        return Err(format!("quality {quality} is not from 0 to 1").into());
    }
    Ok(wire::Content {
        payload: Bytes::new(),
        content_type: answer.content_type,
        etag,
        as_of: answer.as_of.map(Into::into),
        ttl: answer.ttl.map(duration_to_wire),
        sensitivity: Sensitivity::to_wire(answer.sensitivity),
        quality: answer.quality,
        source: answer.source,
        labels: answer.labels,
        owner: answer.owner,
        total_bytes: 0,
    })
}

fn not_modified(ttl: Option<Duration>, known_etag: &str) -> Result<Encoding, BoxError> {
    if known_etag.is_empty() {
        return Err("not_modified answers only a query with a known_etag".into());
    }
    let ttl = ttl.map(duration_to_wire);
    Ok(alone(small(Outcome::NotModified(wire::NotModified { ttl }))))
}

fn alone(first: Encoded) -> Encoding {
    Encoding { first, rest: Rest::Nothing }
}

fn small(outcome: Outcome) -> Encoded {
    Encoded { outcome, bytes: ENVELOPE_BYTES }
}
