//! Times as messages have them.

use std::time::{Duration, SystemTime};

pub(crate) fn duration_to_wire(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos() as i32,
    }
}

/// A negative duration is none.
pub(crate) fn duration_from_wire(wire: &prost_types::Duration) -> Duration {
    let seconds = u64::try_from(wire.seconds).unwrap_or(0);
    let nanos = u32::try_from(wire.nanos).unwrap_or(0);
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(u64::from(nanos)))
}

pub(crate) fn time_from_wire(wire: &prost_types::Timestamp) -> Option<SystemTime> {
    SystemTime::try_from(wire.clone()).ok()
}
