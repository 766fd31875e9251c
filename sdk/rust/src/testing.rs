//! Testing a provider without a server: its functions are called as a router calls them, through the real encoding.
//!
//! ```no_run
//! # async fn run(helpdesk: weir_sdk::provider::Provider) -> Result<(), weir_sdk::Error> {
//! let provider = weir_sdk::testing::TestProvider::new(helpdesk)?;
//! let answer = provider.fetch("Ticket", "1").await?;
//! println!("{}", answer.value);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use prost::Message;
use serde_json::Value as Json;
use tokio::sync::watch;
use tokio::time::{timeout_at, Instant};

use crate::context_ref::ContextRef;
use crate::error::{CallError, Error, ItemRefused, Refusal};
use crate::grpc::{Code, MessageStream, Method, Service, Status};
use crate::json::struct_to_wire;
use crate::proto::weir::errors::v1::Reason;
use crate::proto::weir::provider::v1 as wire;
use crate::proto::weir::provider::v1::fetch_result::Outcome;
use crate::proto::weir::provider::v1::provider_service::{CALL, FETCH, LIST};
use crate::provider::{Caller, ListEntry, ListPage, OnFault, Provider, ProviderService};
use crate::sensitivity::Sensitivity;
use crate::time::{duration_from_wire, time_from_wire};
use crate::value::Value;

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// A provider as a router sees it.
pub struct TestProvider {
    service: ProviderService,
    faults: Arc<Mutex<Vec<String>>>,
    timeout: Duration,
    caller: Caller,
    /// The switch of its health, which nobody uses.
    _stopping: watch::Sender<bool>,
}

/// What became of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum TestOutcome {
    /// The value.
    Content(Box<TestContent>),
    /// The value with the known etag still holds.
    NotModified {
        /// How long from now on, if the provider says.
        ttl: Option<Duration>,
    },
    /// There is no such key.
    NotFound,
    /// It cannot be had.
    Failure {
        /// The gRPC code.
        code: Code,
        /// What callers are told.
        text: String,
        /// When to ask again.
        retry_delay: Option<Duration>,
    },
}

/// A value, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TestContent {
    /// The value, as its media type says.
    pub value: Value,
    /// The value as it was sent.
    pub bytes: Bytes,
    /// The media type.
    pub content_type: String,
    /// The tag of this state of the value.
    pub etag: String,
    /// When this was the value, if the provider says.
    pub as_of: Option<SystemTime>,
    /// How long it stays true, if the provider says.
    pub ttl: Option<Duration>,
    /// How sensitive it is, if the provider says.
    pub sensitivity: Option<Sensitivity>,
    /// How good it is, if the provider judges it.
    pub quality: Option<f64>,
    /// The place within the source.
    pub source: String,
    /// Names and values that describe it.
    pub labels: BTreeMap<String, String>,
    /// Who owns it.
    pub owner: String,
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TestResult {
    /// The result, as its media type says.
    pub value: Value,
    /// Whether the operation itself failed: the value says how.
    pub is_error: bool,
    /// What it told of its progress.
    pub progress: Vec<f64>,
}

impl TestProvider {
    /// Makes a provider ready to be tested. It is asked for the tenant `test`, and has 10 s for each call.
    ///
    /// # Errors
    /// `Error::Config` names each fault of the declaration.
    pub fn new(provider: Provider) -> Result<Self, Error> {
        provider.check()?;
        let faults: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = faults.clone();
        let on_fault: OnFault = Arc::new(move |fault| {
            let text = format!("{}: {}", fault.what, fault.error);
            heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(text);
        });
        let (stopping, is_stopping) = watch::channel(false);
        Ok(TestProvider {
            service: ProviderService::new(provider, None, on_fault, is_stopping),
            faults,
            timeout: TIMEOUT_DEFAULT,
            caller: Caller { tenant: "test".to_owned(), ..Default::default() },
            _stopping: stopping,
        })
    }

    /// For whom it is asked.
    pub fn caller(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// How long a call may take. Default: 10 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The errors that callers learn nothing of, so far: where each happened, and its text.
    pub fn faults(&self) -> Vec<String> {
        self.faults.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    /// Fetches one value.
    ///
    /// # Errors
    /// `Error::Refused`: there is none, or it cannot be had. `Error::Call`: the provider answered wrongly, or is late.
    pub async fn fetch(&self, type_name: &str, key: &str) -> Result<TestContent, Error> {
        let refused = |code, reason, text: String, retry_delay| {
            let reference = ContextRef::new(type_name, key);
            let refusal = Refusal { retry_delay, ..Refusal::new(code, reason, text) };
            Error::Refused(Box::new(ItemRefused { reference, refusal }))
        };
        match self.query(type_name, key, "").await? {
            TestOutcome::Content(content) => Ok(*content),
            TestOutcome::Failure { code, text, retry_delay } => {
                Err(refused(code, Reason::ProviderFailed, text, retry_delay))
            }
            TestOutcome::NotFound | TestOutcome::NotModified { .. } => {
                let text = "the provider has no item with this key".to_owned();
                Err(refused(Code::NotFound, Reason::KeyNotFound, text, None))
            }
        }
    }

    /// Asks for one value, which is known by an etag; empty: it is not known.
    ///
    /// # Errors
    /// `Error::Call`: the provider answered wrongly, or is late.
    pub async fn query(&self, type_name: &str, key: &str, known_etag: &str) -> Result<TestOutcome, Error> {
        let mut outcomes = self.query_all(&[(type_name, key, known_etag)]).await?;
        Ok(outcomes.remove(0))
    }

    /// Asks for many values in one batch: type, key and known etag of each. The outcomes are in their order.
    ///
    /// # Errors
    /// `Error::Call`: the provider answered wrongly, or is late.
    pub async fn query_all(&self, queries: &[(&str, &str, &str)]) -> Result<Vec<TestOutcome>, Error> {
        let wanted = queries.iter().map(|(type_name, key, known_etag)| wire::FetchQuery {
            r#type: (*type_name).to_owned(),
            type_version: String::new(),
            key: (*key).to_owned(),
            known_etag: (*known_etag).to_owned(),
        });
        let request = wire::FetchRequest { queries: wanted.collect(), caller: Some(self.caller_to_wire()) };
        let mut gathered: Vec<Gathered> = queries.iter().map(|_| Gathered::default()).collect();
        for response in self.ask(&FETCH, &request).await? {
            for result in response.results {
                let place = gathered.get_mut(result.index as usize);
                place
                    .ok_or_else(|| wrong("the provider answered a query that was not asked"))?
                    .add(result)?;
            }
        }
        gathered.into_iter().map(Gathered::outcome).collect()
    }

    /// Lists a page: the keys that begin with a prefix, and match some words.
    ///
    /// # Errors
    /// `Error::Call`: the provider cannot list the type, failed, or is late.
    pub async fn list(
        &self,
        type_name: &str,
        key_prefix: &str,
        words: &str,
        page_size: u32,
        page_token: &str,
    ) -> Result<ListPage, Error> {
        let request = wire::ListRequest {
            r#type: type_name.to_owned(),
            type_version: String::new(),
            key_prefix: key_prefix.to_owned(),
            query: words.to_owned(),
            page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
            page_token: page_token.to_owned(),
            caller: Some(self.caller_to_wire()),
        };
        let mut pages = self.ask(&LIST, &request).await?;
        let page = pages.pop().ok_or_else(|| wrong("the provider answered nothing"))?;
        Ok(ListPage {
            entries: page.entries.into_iter().map(entry_from_wire).collect(),
            next_page_token: page.next_page_token,
        })
    }

    /// Calls an operation; it is told that progress is of interest.
    ///
    /// # Errors
    /// `Error::Call`: it refused, failed, or is late.
    pub async fn call(&self, operation: &str, arguments: Json) -> Result<TestResult, Error> {
        use wire::call_response::Message;
        let request = wire::CallRequest {
            operation: operation.to_owned(),
            arguments: arguments.to_string().into(),
            caller: Some(self.caller_to_wire()),
            wants_progress: true,
            ..Default::default()
        };
        let mut progress = Vec::new();
        for response in self.ask(&CALL, &request).await? {
            match response.message {
                Some(Message::Progress(told)) => progress.push(told.progress),
                Some(Message::Result(result)) => return read_result(result, progress),
                Some(Message::Failure(failure)) => {
                    let code = Code::from_number(failure.code);
                    return Err(CallError {
                        retry_delay: failure.retry_delay.as_ref().map(duration_from_wire),
                        ..CallError::new(code, Reason::ProviderFailed, failure.text)
                    }
                    .into());
                }
                Some(Message::Log(_) | Message::InputRequired(_)) | None => {}
            }
        }
        Err(wrong("the provider ended the call without a result"))
    }

    async fn ask<Req: Message, Res: Message + Default>(
        &self,
        method: &Method<Req, Res>,
        request: &Req,
    ) -> Result<Vec<Res>, Error> {
        let deadline = Instant::now() + self.timeout;
        let answers = self.service.call(method.path(), request.encode_to_vec().into(), deadline);
        let answers = timeout_at(deadline, all(answers)).await.unwrap_or_else(|_| {
            let text = format!("the provider did not answer within {} ms", self.timeout.as_millis());
            Err(Status::new(Code::DeadlineExceeded, text))
        });
        let answers = answers.map_err(|status| Error::Call(status.into()))?;
        let read = answers.into_iter().map(Res::decode).collect::<Result<_, _>>();
        read.map_err(|error| wrong(&format!("the answer cannot be read: {error}")))
    }

    fn caller_to_wire(&self) -> wire::Caller {
        wire::Caller {
            tenant: self.caller.tenant.clone(),
            principal: self.caller.principal.clone(),
            attributes: Some(struct_to_wire(&self.caller.attributes)),
        }
    }
}

async fn all(mut answers: MessageStream) -> Result<Vec<Bytes>, Status> {
    let mut read = Vec::new();
    while let Some(answer) = answers.next().await {
        read.push(answer?);
    }
    Ok(read)
}

/// An outcome as it comes, and the parts of its value.
#[derive(Default)]
struct Gathered {
    outcome: Option<Outcome>,
    parts: BytesMut,
}

impl Gathered {
    fn add(&mut self, result: wire::FetchResult) -> Result<(), Error> {
        match (result.outcome, &self.outcome) {
            (Some(Outcome::Part(part)), Some(Outcome::Content(_))) => {
                self.parts.extend_from_slice(&part.data)
            }
            (Some(Outcome::Part(_)), _) => return Err(wrong("a part came before its value")),
            (Some(Outcome::Failure(failure)), _) => self.outcome = Some(Outcome::Failure(failure)),
            (outcome, None) => self.outcome = outcome,
            (_, Some(_)) => return Err(wrong("a query was answered twice")),
        }
        Ok(())
    }

    fn outcome(self) -> Result<TestOutcome, Error> {
        match self.outcome {
            Some(Outcome::Content(content)) => read_content(content, self.parts),
            Some(Outcome::NotModified(kept)) => {
                Ok(TestOutcome::NotModified { ttl: kept.ttl.as_ref().map(duration_from_wire) })
            }
            Some(Outcome::NotFound(_)) => Ok(TestOutcome::NotFound),
            Some(Outcome::Failure(failure)) => Ok(TestOutcome::Failure {
                code: Code::from_number(failure.code),
                text: failure.text,
                retry_delay: failure.retry_delay.as_ref().map(duration_from_wire),
            }),
            Some(Outcome::Part(_)) | None => Err(wrong("a query was not answered")),
        }
    }
}

fn read_content(content: wire::Content, parts: BytesMut) -> Result<TestOutcome, Error> {
    let bytes = match content.total_bytes {
        0 => content.payload,
        total if total == (content.payload.len() + parts.len()) as u64 => {
            [&content.payload[..], &parts[..]].concat().into()
        }
        total => return Err(wrong(&format!("the value of {total} bytes came with {} bytes", parts.len()))),
    };
    Ok(TestOutcome::Content(Box::new(TestContent {
        value: Value::read(&content.content_type, &bytes)?,
        bytes,
        content_type: content.content_type,
        etag: content.etag,
        as_of: content.as_of.as_ref().and_then(time_from_wire),
        ttl: content.ttl.as_ref().map(duration_from_wire),
        sensitivity: Sensitivity::from_wire(content.sensitivity),
        quality: content.quality,
        source: content.source,
        labels: content.labels,
        owner: content.owner,
    })))
}

fn read_result(result: wire::OperationResult, progress: Vec<f64>) -> Result<TestResult, Error> {
    let content = result.content.unwrap_or_default();
    Ok(TestResult {
        value: Value::read(&content.content_type, &content.payload)?,
        is_error: result.is_error,
        progress,
    })
}

fn entry_from_wire(entry: wire::ListEntry) -> ListEntry {
    ListEntry {
        key: entry.key,
        title: entry.title,
        summary: entry.summary,
        score: entry.score,
        update_time: entry.update_time.as_ref().and_then(time_from_wire),
        sensitivity: Sensitivity::from_wire(entry.sensitivity),
        labels: entry.labels,
        owner: entry.owner,
        content_type: entry.content_type,
        size_bytes: entry.size_bytes,
    }
}

fn wrong(text: &str) -> Error {
    Error::Call(CallError::new(Code::Internal, Reason::ProviderGarbage, text))
}
