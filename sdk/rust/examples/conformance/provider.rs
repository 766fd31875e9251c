use std::collections::HashMap;
use std::process::exit;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{signal, SignalKind};
use tokio::time::sleep;
use weir_sdk::provider::{
    Answer, BoxError, Context, EventKind, ListEntry, ListPage, ListQuery, Operation, OperationAnswer,
    OperationCall, Provider, ProviderError, ServeOptions,
};
use weir_sdk::{Code, Error, Reason, Sensitivity};

const ENTRIES: usize = 120;
const BUSY_RETRY: Duration = Duration::from_millis(1_234);
/// 2026-01-02T03:04:05Z, since 1970.
const META_AS_OF: Duration = Duration::from_secs(1_767_323_045);

pub async fn run() -> Result<(), BoxError> {
    let (urls, key) = super::environment()?;
    let name = std::env::var("WEIR_PROVIDER")?;
    let options = ServeOptions::new(&urls[0], key).on_event(|event| {
        eprintln!("{:?}: {}", event.kind, event.text);
        if event.kind == EventKind::Registered {
            println!("{}", json!({ "event": "registered" }));
        }
    });
    let options = urls[1..].iter().fold(options, |options, url| options.address(url));
    let stopped = stopped();
    tokio::pin!(stopped);
    let serving = provider_named(&name).serve_with(options);
    let running = tokio::select! {
        running = serving => running,
        // A read of stdin that goes on would hold up a return.
        () = stopped.as_mut() => exit(0),
    };
    match running {
        Ok(running) => {
            stopped.await;
            running.close().await;
            exit(0)
        }
        Err(Error::Call(error)) => {
            let mut refused = json!({ "event": "refused", "code": error.code.name() });
            if error.reason != Reason::Unspecified {
                refused["reason"] = error.reason.name().into();
            }
            println!("{refused}");
            exit(1)
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns on SIGTERM, and when stdin ends.
async fn stopped() {
    let ended = async {
        let mut input = tokio::io::stdin();
        let mut buffer = [0; 1_024];
        while matches!(input.read(&mut buffer).await, Ok(count) if count > 0) {}
    };
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be listened to");
    tokio::select! {
        _ = terminate.recv() => {}
        () = ended => {}
    }
}

fn provider_named(name: &str) -> Provider {
    Provider::new(name, "1.0.0")
        .context(probe())
        .context(batch())
        .context(kept())
        .operation(add())
        .operation(Operation::new("count").call(count))
        .operation(
            Operation::new("fail")
                .call(|_| async { Ok(OperationAnswer::failed(&json!({ "why": "on purpose" }))) }),
        )
        .operation(Operation::new("refuse").call(|_| async { Err(refused(Code::FailedPrecondition).into()) }))
        .operation(Operation::new("crash").call(|_| async { Err("secret words".into()) }))
        .operation(Operation::new("wait").call(wait))
}

fn probe() -> Context {
    Context::new("Probe", "1.0.0")
        .schema(json!({ "type": ["object", "string"] }))
        .sensitivity(Sensitivity::Public)
        .ttl(Duration::ZERO)
        .fetch(|query| async move { value_of(&query.key).await })
        .list(|query| async move { Ok(page_of(&query)) })
}

async fn value_of(key: &str) -> Result<Option<Answer>, BoxError> {
    let (kind, rest) = key.split_once('/').unwrap_or((key, ""));
    match kind {
        _ if key.starts_with("missing") => return Ok(None),
        "refuse" => return Err(refused(code_named(rest)?).into()),
        "busy" => return Err(refused(code_named(rest)?).retry_after(BUSY_RETRY).into()),
        "crash" => return Err("secret words".into()),
        "slow" => sleep(Duration::from_millis(rest.parse()?)).await,
        "big" => return Ok(Some(Answer::bytes(pattern(rest.parse()?)))),
        "text" => return Ok(Some(Answer::text("plain words"))),
        "meta" => return Ok(Some(meta())),
        _ => {}
    }
    Ok(Some(Answer::json(&json!({ "key": key, "characters": key.chars().count() }))))
}

fn refused(code: Code) -> ProviderError {
    ProviderError::new(code, "refused on purpose")
}

fn code_named(name: &str) -> Result<Code, BoxError> {
    Code::from_name(name).ok_or_else(|| format!("no code {name}").into())
}

fn pattern(bytes: usize) -> Vec<u8> {
    let cycle: Vec<u8> = (0..251).collect();
    let mut pattern = cycle.repeat(bytes / cycle.len() + 1);
    pattern.truncate(bytes);
    pattern
}

fn meta() -> Answer {
    Answer::json(&json!({ "key": "meta" }))
        .etag("e1")
        .as_of(SystemTime::UNIX_EPOCH + META_AS_OF)
        .quality(0.5)
        .source("probe.txt:7")
        .label("color", "blue")
        .owner("ann")
        .sensitivity(Sensitivity::Internal)
        .content_type("application/json")
}

fn page_of(query: &ListQuery) -> ListPage {
    let words = query.text.to_lowercase();
    let matching: Vec<ListEntry> = (0..ENTRIES)
        .map(|index| ListEntry::new(format!("entry-{index:03}"), format!("Entry {index}")))
        .filter(|entry| {
            entry.key.starts_with(&query.key_prefix) && entry.title.to_lowercase().contains(&words)
        })
        .collect();
    let start: usize = query.page_token.parse().unwrap_or(0);
    let end = matching.len().min(start + query.page_size);
    let next_page_token = if end < matching.len() { end.to_string() } else { String::new() };
    ListPage { entries: matching.get(start..end).unwrap_or_default().to_vec(), next_page_token }
}

fn batch() -> Context {
    Context::new("Batch", "1.0.0")
        .schema(json!({ "type": "object" }))
        .sensitivity(Sensitivity::Public)
        .ttl(Duration::ZERO)
        .fetch_many(|queries| async move {
            let answer = json!({ "batch": queries.len() });
            Ok(queries.iter().map(|_| Ok(Some(Answer::json(&answer)))).collect())
        })
}

fn kept() -> Context {
    let calls: Arc<Mutex<HashMap<String, u32>>> = Arc::default();
    Context::new("Kept", "1.0.0")
        .schema(json!({ "type": "object" }))
        .sensitivity(Sensitivity::Public)
        .ttl(Duration::from_secs(60))
        .fetch(move |query| {
            let calls = calls.clone();
            async move {
                let mut calls = calls.lock().map_err(|_| "the counts are lost")?;
                let count = calls.entry(query.key).or_default();
                *count += 1;
                Ok(Some(Answer::json(&json!({ "calls": *count }))))
            }
        })
}

#[derive(Deserialize)]
struct Sum {
    a: f64,
    b: f64,
}

fn add() -> Operation {
    let number = json!({ "type": "number" });
    let input =
        json!({ "type": "object", "properties": { "a": number, "b": number }, "required": ["a", "b"] });
    Operation::new("add").read_only(true).input(input).call(|call| async move {
        let Sum { a, b } = call.arguments_as()?;
        Ok(OperationAnswer::json(&json!({ "sum": a + b })))
    })
}

#[derive(Deserialize)]
struct Count {
    to: u32,
}

async fn count(call: OperationCall) -> Result<OperationAnswer, BoxError> {
    let Count { to } = call.arguments_as()?;
    for at in 1..=to {
        call.progress(f64::from(at), Some(f64::from(to)), "");
    }
    Ok(OperationAnswer::json(&json!({ "counted": to })))
}

#[derive(Deserialize)]
struct Wait {
    ms: u64,
}

async fn wait(call: OperationCall) -> Result<OperationAnswer, BoxError> {
    let Wait { ms } = call.arguments_as()?;
    sleep(Duration::from_millis(ms)).await;
    Ok(OperationAnswer::json(&json!({ "waited": ms })))
}
