use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use percent_encoding::{percent_decode_str, utf8_percent_encode, AsciiSet, CONTROLS};

use super::{Code, Status};

/// What `grpc-message` must escape: all but the printable characters of ASCII, and "%".
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// A time for `grpc-timeout`: at most eight digits and a unit.
pub(super) fn timeout_value(timeout: Duration) -> HeaderValue {
    let units: [(u128, &str); 4] =
        [(1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"), (3_600_000_000_000, "H")];
    let nanos = timeout.as_nanos().max(1);
    let (count, unit) = units
        .iter()
        // Rounded up: no call ends before its time.
        .map(|(size, unit)| ((nanos + size - 1) / size, unit))
        .find(|(count, _)| *count < 100_000_000)
        .unwrap_or((99_999_999, &"H"));
    HeaderValue::from_str(&format!("{count}{unit}")).expect("digits and a letter are a header")
}

/// The time that `grpc-timeout` gives. `None`: there is none, or it cannot be read.
pub(super) fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let digits = text.get(..text.len().checked_sub(1)?)?;
    let count: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match &text[digits.len()..] {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The trailers that say how a call ended.
pub(super) fn trailers_of(status: &Status) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status.code() as u16));
    let text = utf8_percent_encode(status.text(), ESCAPED).to_string();
    if !text.is_empty() {
        if let Ok(value) = HeaderValue::from_str(&text) {
            trailers.insert("grpc-message", value);
        }
    }
    if let Some(details) = status.encoded_details() {
        let encoded = base64::encode_config(details, base64::STANDARD_NO_PAD);
        let value = HeaderValue::from_str(&encoded).expect("base64 is a header");
        trailers.insert("grpc-status-details-bin", value);
    }
    trailers
}

/// How a call ended, as trailers say it; or headers, where no message came. `None`: they do not say.
pub(super) fn status_of(trailers: &HeaderMap) -> Option<Status> {
    let text_of = |name: &str| trailers.get(name).and_then(|value| value.to_str().ok());
    let code = text_of("grpc-status")?.parse().map_or(Code::Unknown, Code::from_number);
    let text = text_of("grpc-message").unwrap_or_default();
    let text = percent_decode_str(text).decode_utf8_lossy();
    let details = text_of("grpc-status-details-bin")
        .and_then(|encoded| {
            let encoded = encoded.trim_end_matches('=');
            base64::decode_config(encoded, base64::STANDARD_NO_PAD).ok()
        })
        .unwrap_or_default();
    let request_id = text_of("x-request-id").map(str::to_owned);
    Some(Status::from_wire(code, &text, &details, request_id))
}

/// What an HTTP status stands for, where no gRPC server answered.
pub(super) fn code_of_http(status: http::StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(name, value.parse().unwrap());
        map
    }

    #[test]
    fn a_timeout_keeps_eight_digits_and_its_time() {
        let cases = [
            (Duration::from_nanos(1), "1m"),
            (Duration::from_millis(1_500), "1500m"),
            (Duration::from_secs(100_000), "100000S"),
            (Duration::from_secs(u64::MAX), "99999999H"),
        ];
        for (timeout, text) in cases {
            assert_eq!(timeout_value(timeout), text);
        }
        let read = |text| timeout_of(&headers("grpc-timeout", text));
        assert_eq!(read("1500m"), Some(Duration::from_millis(1_500)));
        assert_eq!(read("2H"), Some(Duration::from_secs(7_200)));
        for text in ["", "m", "123456789m", "1x", "-1m", "é"] {
            assert_eq!(timeout_of(&headers("grpc-timeout", "1x")), None, "{text}");
        }
    }

    #[test]
    fn a_status_survives_its_trailers() {
        let status =
            Status::new(Code::NotFound, "no 100% “match”\n").with_retry_delay(Duration::from_millis(1_234));
        let read = status_of(&trailers_of(&status)).unwrap();
        assert_eq!(read.code(), Code::NotFound);
        assert_eq!(read.text(), "no 100% “match”\n");
        assert_eq!(read.retry_delay(), Some(Duration::from_millis(1_234)));
    }

    #[test]
    fn trailers_without_a_status_say_nothing() {
        assert!(status_of(&HeaderMap::new()).is_none());
        let strange = status_of(&headers("grpc-status", "ninety")).unwrap();
        assert_eq!(strange.code(), Code::Unknown);
    }
}
