use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream, StreamExt};
use serde::Serialize;

use super::error::BoxError;
use crate::sensitivity::Sensitivity;
use crate::value::{BYTES_TYPE, JSON_TYPE, TEXT_TYPE};

/// A value, and what is known of it; or that the known value still holds.
pub struct Answer {
    pub(super) payload: Payload,
    pub(super) content_type: String,
    pub(super) etag: Option<String>,
    pub(super) as_of: Option<SystemTime>,
    pub(super) ttl: Option<Duration>,
    pub(super) sensitivity: Option<Sensitivity>,
    pub(super) quality: Option<f64>,
    pub(super) source: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) owner: String,
}

pub(super) enum Payload {
    NotModified,
    Whole(Bytes),
    /// What the value could not be written as JSON for.
    NoJson(serde_json::Error),
    Stream {
        size_bytes: u64,
        pieces: BoxStream<'static, Result<Bytes, BoxError>>,
    },
}

impl Answer {
    /// A value that is sent as JSON. One that has no JSON is an error of the function.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let payload = match serde_json::to_vec(value) {
            Ok(json) => Payload::Whole(json.into()),
            Err(error) => Payload::NoJson(error),
        };
        Answer::new(payload, JSON_TYPE)
    }

    /// A text, sent as it is: `text/plain; charset=utf-8`.
    pub fn text(text: impl Into<String>) -> Self {
        Answer::new(Payload::Whole(text.into().into()), TEXT_TYPE)
    }

    /// Bytes, sent as they are: `application/octet-stream`. What is larger than a message is sent in parts; consumers
    /// get what is above 4 MiB by a link.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Answer::new(Payload::Whole(bytes.into()), BYTES_TYPE)
    }

    /// Bytes that should not be held whole: a stream that holds `size_bytes` of them, read as fast as the router takes
    /// it. It has no etag unless one is given.
    pub fn stream<S>(size_bytes: u64, pieces: S) -> Self
    where
        S: Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
    {
        let pieces = pieces.boxed();
        Answer::new(Payload::Stream { size_bytes, pieces }, BYTES_TYPE)
    }

    /// The value with `query.known_etag` is still the value.
    pub fn not_modified() -> Self {
        Answer::new(Payload::NotModified, "")
    }

    /// The media type. Default: by the kind of value.
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// The tag of this state of the value. Default: from a SHA-256 of the bytes.
    pub fn etag(mut self, etag: impl Into<String>) -> Self {
        self.etag = Some(etag.into());
        self
    }

    /// When this was the value. Default: now.
    pub fn as_of(mut self, time: SystemTime) -> Self {
        self.as_of = Some(time);
        self
    }

    /// How long it stays true from now on. Default: the context's.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How sensitive it is. Default: the context's.
    pub fn sensitivity(mut self, sensitivity: Sensitivity) -> Self {
        self.sensitivity = Some(sensitivity);
        self
    }

    /// How good it is, from 0 to 1. Default: not judged.
    pub fn quality(mut self, quality: f64) -> Self {
        self.quality = Some(quality);
        self
    }

    /// The place within the source, such as a file name and line; shown to callers.
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Adds a name and a value that describe it; policies can read them.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Who owns it in the source.
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = owner.into();
        self
    }

    fn new(payload: Payload, content_type: &str) -> Self {
        Answer {
            payload,
            content_type: content_type.to_owned(),
            etag: None,
            as_of: None,
            ttl: None,
            sensitivity: None,
            quality: None,
            source: String::new(),
            labels: BTreeMap::new(),
            owner: String::new(),
        }
    }
}
