//! The conformance driver of this SDK; sdk/conformance/README.md says what it does.

mod consumer;
mod provider;

use weir_sdk::provider::BoxError;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    match std::env::args().nth(1).as_deref() {
        Some("provider") => provider::run().await,
        Some("consumer") => consumer::run().await,
        _ => Err("usage: driver provider|consumer".into()),
    }
}

/// Where Weir listens, and the key.
fn environment() -> Result<(Vec<String>, String), BoxError> {
    let urls = std::env::var("WEIR_URL")?;
    let urls = urls.split(',').map(|url| url.trim().to_owned()).collect();
    Ok((urls, std::env::var("WEIR_KEY")?))
}
