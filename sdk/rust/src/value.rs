use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The media type of JSON values, the default.
pub(crate) const JSON_TYPE: &str = "application/json";
pub(crate) const TEXT_TYPE: &str = "text/plain; charset=utf-8";
pub(crate) const BYTES_TYPE: &str = "application/octet-stream";

/// A value as its media type says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// JSON, parsed.
    Json(serde_json::Value),
    /// A text.
    Text(String),
    /// Anything else.
    Bytes(Bytes),
    /// It is too large to carry, and lies at the item's link, which was not followed.
    Linked,
}

impl Value {
    /// Reads bytes as their media type says: parsed when it is JSON, a text when it is text. Empty: JSON.
    pub(crate) fn read(content_type: &str, bytes: &Bytes) -> serde_json::Result<Value> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type.is_empty() || media_type == JSON_TYPE || media_type.ends_with("+json") {
            return serde_json::from_slice(bytes).map(Value::Json);
        }
        if media_type.starts_with("text/") {
            return Ok(Value::Text(String::from_utf8_lossy(bytes).into_owned()));
        }
        Ok(Value::Bytes(bytes.clone()))
    }

    /// The value as a type of yours.
    ///
    /// # Errors
    /// `Error::Json`: the value is no JSON, or not of this form.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, Error> {
        match self {
            Value::Json(json) => Ok(T::deserialize(json)?),
            Value::Text(text) => Ok(T::deserialize(&serde_json::Value::from(text.as_str()))?),
            Value::Bytes(bytes) => Ok(serde_json::from_slice(bytes)?),
            Value::Linked => Ok(T::deserialize(&serde_json::Value::Null)?),
        }
    }

    /// The value, if it is JSON.
    pub fn as_json(&self) -> Option<&serde_json::Value> {
        match self {
            Value::Json(json) => Some(json),
            _ => None,
        }
    }
}

/// JSON and text as they are; of bytes only how many there are.
impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Json(json) => json.fmt(to),
            Value::Text(text) => to.write_str(text),
            Value::Bytes(bytes) => write!(to, "{} bytes", bytes.len()),
            Value::Linked => to.write_str("a value at a link"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_media_type_says_what_bytes_are() {
        let read = |content_type, bytes: &'static [u8]| Value::read(content_type, &Bytes::from_static(bytes));
        assert_eq!(read("", b"[1]").unwrap(), Value::Json(json!([1])));
        assert_eq!(read("application/problem+json; a=b", b"{}").unwrap(), Value::Json(json!({})));
        assert_eq!(read("text/markdown", b"# a").unwrap(), Value::Text("# a".to_owned()));
        assert_eq!(read("image/png", b"\x89").unwrap(), Value::Bytes(Bytes::from_static(b"\x89")));
        assert!(read("application/json", b"{").is_err());
    }

    #[test]
    fn a_value_becomes_a_type() {
        assert_eq!(Value::Json(json!([1, 2])).to::<Vec<u8>>().unwrap(), [1, 2]);
        assert!(Value::Json(json!("a")).to::<u8>().is_err());
        assert_eq!(Value::Text("a".to_owned()).to::<String>().unwrap(), "a");
    }
}
