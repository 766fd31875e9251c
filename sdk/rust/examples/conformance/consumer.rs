use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;
use serde_json::{json, Map, Value as Json};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use weir_sdk::provider::BoxError;
use weir_sdk::{
    CallError, CallOptions, ContextRef, Error, Event, EventInput, FetchOptions, Item, ListOptions, Outcome,
    PublishOptions, Reason, Refusal, Start, SubscribeOptions, Value, Weir,
};

type Cancels = Arc<Mutex<HashMap<String, Arc<Notify>>>>;

/// A command; each reads the members that it needs.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Command {
    id: Json,
    r#do: String,
    timeout_ms: Option<u64>,
    refs: Vec<String>,
    item_timeout_ms: Option<u64>,
    min_quality: Option<f64>,
    r#type: String,
    key: String,
    key_prefix: String,
    query: String,
    page_size: u32,
    provider: String,
    tool: String,
    arguments: Option<Json>,
    progress: bool,
    topic: String,
    data: Option<Json>,
    topics: Vec<String>,
    from: Option<String>,
    cursor: Option<String>,
    count: Option<usize>,
    fetch: bool,
    of: Json,
}

pub async fn run() -> Result<(), BoxError> {
    let (urls, key) = super::environment()?;
    let builder = urls.iter().fold(Weir::builder(), |builder, url| builder.address(url));
    let weir = builder.key(key).build()?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let cancels = Cancels::default();
    let mut running = JoinSet::new();
    while let Some(line) = lines.next_line().await? {
        if line.trim().is_empty() {
            continue;
        }
        let command: Command = serde_json::from_str(&line)?;
        let id = command.id.clone();
        let cancelled = Arc::new(Notify::new());
        held(&cancels).insert(id.to_string(), cancelled.clone());
        let (weir, cancels) = (weir.clone(), cancels.clone());
        running.spawn(async move {
            let result = tokio::select! {
                result = perform(&weir, command, &cancels) => result,
                () = cancelled.notified() => Err(Failure::cancelled()),
            };
            held(&cancels).remove(&id.to_string());
            match result {
                Ok(result) => println!("{}", json!({ "id": id, "result": result })),
                Err(failure) => println!("{}", json!({ "id": id, "error": failure.0 })),
            }
        });
    }
    running.shutdown().await;
    Ok(())
}

fn held(cancels: &Cancels) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
    cancels.lock().expect("no command panics while it holds it")
}

/// An error as the driver tells it.
struct Failure(Json);

impl Failure {
    fn new(code: &str, reason: Reason, text: &str) -> Self {
        let mut told = json!({ "code": code, "text": text });
        if reason != Reason::Unspecified {
            told["reason"] = reason.name().into();
        }
        Failure(told)
    }

    fn cancelled() -> Self {
        Failure::new("CANCELLED", Reason::Cancelled, "cancelled by the caller")
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure::new(error.code.name(), error.reason, &error.text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => error.into(),
            Error::Refused(refused) => {
                let Refusal { code, reason, text, .. } = &refused.refusal;
                Failure::new(code.name(), *reason, text)
            }
            other => Failure::new("INVALID_ARGUMENT", Reason::Unspecified, &other.to_string()),
        }
    }
}

async fn perform(weir: &Weir, command: Command, cancels: &Cancels) -> Result<Json, Failure> {
    let timeout = command.timeout_ms.map(Duration::from_millis);
    match command.r#do.as_str() {
        "fetch" => {
            let options = fetch_options(&command);
            let outcomes = weir.fetch_with(&command.refs, options).await?;
            Ok(outcomes.iter().map(outcome_of).collect())
        }
        "stream" => {
            let options = fetch_options(&command);
            let outcomes: Vec<Outcome> = weir.stream_with(&command.refs, options).try_collect().await?;
            Ok(outcomes.iter().map(outcome_of).collect())
        }
        "get" => {
            let reference = ContextRef::new(&command.r#type, &command.key);
            let options = fetch_options(&command);
            let item = weir.get_with(reference.clone(), options).await?;
            Ok(arrived(&reference, None, &item).into())
        }
        "list" => list(weir, command, timeout).await,
        "call" => call(weir, command, timeout).await,
        "publish" => publish(weir, command, timeout).await,
        "subscribe" => subscribe(weir, command, timeout).await,
        "cancel" => {
            if let Some(cancelled) = held(cancels).get(&command.of.to_string()) {
                cancelled.notify_one();
            }
            Ok(json!({}))
        }
        other => Err(Failure::new("UNIMPLEMENTED", Reason::Unspecified, other)),
    }
}

fn fetch_options(command: &Command) -> FetchOptions {
    FetchOptions {
        timeout: command.timeout_ms.map(Duration::from_millis),
        item_timeout: command.item_timeout_ms.map(Duration::from_millis),
        min_quality: command.min_quality,
        ..Default::default()
    }
}

async fn list(weir: &Weir, command: Command, timeout: Option<Duration>) -> Result<Json, Failure> {
    let entries = weir.list(ListOptions {
        type_name: command.r#type,
        key_prefix: command.key_prefix,
        query: command.query,
        page_size: command.page_size,
        provider: command.provider,
        timeout,
        ..Default::default()
    });
    let told = entries.map_ok(|entry| {
        let ContextRef { type_name, key, .. } = &entry.reference;
        json!({ "ref": format!("{type_name}/{key}"), "title": entry.title })
    });
    Ok(Json::Array(told.try_collect().await?))
}

async fn call(weir: &Weir, command: Command, timeout: Option<Duration>) -> Result<Json, Failure> {
    let heard: Arc<Mutex<Vec<f64>>> = Arc::default();
    let mut options = CallOptions { timeout, ..Default::default() };
    if command.progress {
        let heard = heard.clone();
        options.on_progress = Some(Arc::new(move |told| {
            heard.lock().expect("nothing panics").push(told.progress);
        }));
    }
    let arguments = command.arguments.unwrap_or_else(|| json!({}));
    let result = weir.call_with(&command.tool, arguments, options).await?;
    let progress: Vec<Json> = heard.lock().expect("nothing panics").iter().copied().map(number_of).collect();
    Ok(json!({ "value": value_of(&result.value), "isError": result.is_error, "progress": progress }))
}

/// A whole number without a fraction.
fn number_of(number: f64) -> Json {
    if number.fract() == 0.0 {
        json!(number as i64)
    } else {
        json!(number)
    }
}

async fn publish(weir: &Weir, command: Command, timeout: Option<Duration>) -> Result<Json, Failure> {
    let mut event = EventInput::new(command.topic).key(command.key);
    if let Some(data) = &command.data {
        event = event.json(data)?;
    }
    for text in command.refs {
        let reference: ContextRef = text.parse().map_err(Error::from)?;
        event = event.reference(reference);
    }
    let options = PublishOptions { timeout, ..Default::default() };
    let published = weir.publish_all(vec![event], options).await?;
    Ok(json!({ "position": published.consistency_token }))
}

async fn subscribe(weir: &Weir, command: Command, timeout: Option<Duration>) -> Result<Json, Failure> {
    let from = match (command.from.as_deref(), command.cursor) {
        (_, Some(cursor)) => Start::Cursor(cursor),
        (Some("earliest"), None) => Start::Earliest,
        (Some("latest") | None, None) => Start::Latest,
        (Some(cursor), None) => Start::Cursor(cursor.to_owned()),
    };
    let options = SubscribeOptions { from, fetch: command.fetch, ..Default::default() };
    let events = weir.subscribe(command.topics, options).take(command.count.unwrap_or(1)).map_ok(event_of);
    let collected = events.try_collect();
    match timeout {
        None => Ok(Json::Array(collected.await?)),
        Some(timeout) => tokio::time::timeout(timeout, collected)
            .await
            .map_err(|_| {
                Failure::new("DEADLINE_EXCEEDED", Reason::DeadlineExceeded, "not so many events came")
            })?
            .map(Json::Array)
            .map_err(Failure::from),
    }
}

fn event_of(event: Event) -> Json {
    let mut told = json!({ "topic": event.topic, "cursor": event.cursor });
    if !event.key.is_empty() {
        told["key"] = event.key.clone().into();
    }
    if let Ok(data) = event.json::<Json>() {
        told["data"] = data;
    }
    if !event.items.is_empty() {
        told["items"] = event.items.iter().map(outcome_of).collect();
    }
    told
}

fn outcome_of(outcome: &Outcome) -> Json {
    match &outcome.result {
        Ok(item) => arrived(&outcome.reference, Some(outcome.cache.name()), item).into(),
        Err(refusal) => refused(&outcome.reference, refusal).into(),
    }
}

fn name_of(reference: &ContextRef) -> Json {
    format!("{}/{}", reference.type_name, reference.key).into()
}

fn arrived(reference: &ContextRef, cache: Option<&str>, item: &Item) -> Map<String, Json> {
    let mut told = Map::new();
    told.insert("ref".into(), name_of(reference));
    told.insert("ok".into(), true.into());
    told.insert("value".into(), value_of(&item.value));
    told.insert("contentType".into(), item.content_type.clone().into());
    told.insert("provider".into(), item.provenance.provider.clone().into());
    told.insert("sensitivity".into(), item.sensitivity.name().into());
    told.insert("asOf".into(), time_of(item.as_of).into());
    if let Some(quality) = item.quality {
        told.insert("quality".into(), quality.into());
    }
    if !item.provenance.source.is_empty() {
        told.insert("source".into(), item.provenance.source.clone().into());
    }
    if !item.labels.is_empty() {
        told.insert("labels".into(), json!(item.labels));
    }
    if !item.owner.is_empty() {
        told.insert("owner".into(), item.owner.clone().into());
    }
    if let Some(cache) = cache {
        told.insert("cache".into(), cache.into());
    }
    told
}

fn refused(reference: &ContextRef, refusal: &Refusal) -> Map<String, Json> {
    let mut told = Map::new();
    told.insert("ref".into(), name_of(reference));
    told.insert("ok".into(), false.into());
    told.insert("code".into(), refusal.code.name().into());
    if refusal.reason != Reason::Unspecified {
        told.insert("reason".into(), refusal.reason.name().into());
    }
    told.insert("text".into(), refusal.text.clone().into());
    if let Some(delay) = refusal.retry_delay {
        told.insert("retryDelayMs".into(), json!(delay.as_millis() as u64));
    }
    told
}

fn value_of(value: &Value) -> Json {
    match value {
        Value::Json(json) => json.clone(),
        Value::Text(text) => text.clone().into(),
        Value::Bytes(bytes) => {
            let sha256: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "bytes": bytes.len(), "sha256": sha256 })
        }
        Value::Linked => Json::Null,
    }
}

fn time_of(time: SystemTime) -> String {
    prost_types::Timestamp::from(time).to_string()
}
