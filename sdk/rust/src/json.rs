//! JSON as messages have it.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value as WireValue};
use serde_json::{Map, Value};

pub(crate) fn struct_to_wire(map: &Map<String, Value>) -> Struct {
    let fields = map.iter().map(|(name, value)| (name.clone(), value_to_wire(value)));
    Struct { fields: fields.collect() }
}

pub(crate) fn struct_from_wire(wire: &Struct) -> Map<String, Value> {
    let fields = wire.fields.iter();
    fields.map(|(name, value)| (name.clone(), value_from_wire(value))).collect()
}

fn value_to_wire(value: &Value) -> WireValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(is) => Kind::BoolValue(*is),
        // The wire has doubles only.
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(values) => {
            Kind::ListValue(ListValue { values: values.iter().map(value_to_wire).collect() })
        }
        Value::Object(map) => Kind::StructValue(struct_to_wire(map)),
    };
    WireValue { kind: Some(kind) }
}

fn value_from_wire(wire: &WireValue) -> Value {
    match &wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(is)) => Value::Bool(*is),
        Some(Kind::NumberValue(number)) => number_from_wire(*number),
        Some(Kind::StringValue(text)) => Value::String(text.clone()),
        Some(Kind::ListValue(list)) => list.values.iter().map(value_from_wire).collect(),
        Some(Kind::StructValue(fields)) => Value::Object(struct_from_wire(fields)),
    }
}

/// A whole number reads as one: `1`, not `1.0`.
fn number_from_wire(number: f64) -> Value {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT_MAX {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_survives_the_wire() {
        let value = serde_json::json!({ "a": [1, -2.5, "x", null, true], "b": { "c": {} } });
        let map = value.as_object().unwrap();
        assert_eq!(&struct_from_wire(&struct_to_wire(map)), map);
    }
}
