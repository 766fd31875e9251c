use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::context::Caller;
use super::definition::Provider;
use super::encode::failure_of;
use super::error::{BoxError, ProviderError};
use super::fetch::guarded;
use super::operation::{Operation, OperationAnswer, OperationCall};
use super::service::{Fault, OnFault};
use crate::grpc::Code;
use crate::proto::weir::provider::v1 as wire;
use crate::proto::weir::provider::v1::call_response::Message;
use crate::sensitivity::Sensitivity;

/// Told of a call before its end that are not sent yet; what is beyond is dropped.
const TOLD_MAX: usize = 1_000;

/// Calls an operation.
pub(super) fn answer_call(
    provider: Arc<Provider>,
    request: wire::CallRequest,
    deadline: Instant,
    on_fault: OnFault,
) -> BoxStream<'static, wire::CallResponse> {
    let found = provider.operations.iter().find(|each| each.name == request.operation);
    let operation = match found {
        Some(operation) => operation.clone(),
        None => {
            let text = format!("this provider has no operation {}", request.operation);
            let error: BoxError = ProviderError::new(Code::NotFound, text).into();
            return Box::pin(stream::once(async move { failed(&error) }));
        }
    };
    let (told, heard) = mpsc::channel(TOLD_MAX);
    let ended = end_of(operation, request, deadline, told, on_fault).boxed();
    Box::pin(stream::unfold(State::Running(heard, ended), next))
}

enum State {
    Running(mpsc::Receiver<wire::CallResponse>, BoxFuture<'static, wire::CallResponse>),
    /// The end, and what was told before it and not sent yet.
    Ending(mpsc::Receiver<wire::CallResponse>, wire::CallResponse),
    Ended,
}

async fn next(state: State) -> Option<(wire::CallResponse, State)> {
    match state {
        State::Running(mut heard, mut ended) => {
            let end = tokio::select! {
                biased;
                Some(told) = heard.recv() => return Some((told, State::Running(heard, ended))),
                end = &mut ended => end,
            };
            Some(drain(heard, end))
        }
        State::Ending(heard, end) => Some(drain(heard, end)),
        State::Ended => None,
    }
}

fn drain(
    mut heard: mpsc::Receiver<wire::CallResponse>,
    end: wire::CallResponse,
) -> (wire::CallResponse, State) {
    match heard.try_recv() {
        Ok(told) => (told, State::Ending(heard, end)),
        Err(_) => (end, State::Ended),
    }
}

async fn end_of(
    operation: Operation,
    request: wire::CallRequest,
    deadline: Instant,
    told: mpsc::Sender<wire::CallResponse>,
    on_fault: OnFault,
) -> wire::CallResponse {
    match result_of(&operation, request, deadline, told).await {
        Ok(result) => wire::CallResponse { message: Some(Message::Result(result)) },
        Err(error) => {
            let response = failed(&error);
            if !error.is::<ProviderError>() {
                let what = format!("operation {}", operation.name);
                on_fault(Fault { what, error });
            }
            response
        }
    }
}

async fn result_of(
    operation: &Operation,
    request: wire::CallRequest,
    deadline: Instant,
    told: mpsc::Sender<wire::CallResponse>,
) -> Result<wire::OperationResult, BoxError> {
    let function = operation.call.clone().ok_or("the operation has no function")?;
    let arguments = match request.arguments.is_empty() {
        true => serde_json::Map::new(),
        false => serde_json::from_slice(&request.arguments).map_err(|error| {
            let text = format!("the arguments are no JSON object: {error}");
            ProviderError::new(Code::InvalidArgument, text)
        })?,
    };
    let call = OperationCall {
        arguments,
        caller: Caller::from_wire(request.caller),
        deadline: deadline.into_std(),
        wants_progress: request.wants_progress,
        min_severity: request.min_severity,
        told,
    };
    let answer = guarded(|| function(call)).await?;
    encode(operation, answer)
}

fn encode(operation: &Operation, answer: OperationAnswer) -> Result<wire::OperationResult, BoxError> {
    let content = wire::Content {
        payload: answer.payload?,
        content_type: answer.content_type,
        sensitivity: Sensitivity::to_wire(answer.sensitivity.or(operation.sensitivity)),
        ..Default::default()
    };
    Ok(wire::OperationResult { content: Some(content), is_error: answer.is_error })
}

fn failed(error: &BoxError) -> wire::CallResponse {
    wire::CallResponse { message: Some(Message::Failure(failure_of(error))) }
}
