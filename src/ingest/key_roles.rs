//! What well-known keys of JSON records and columns of tables mean. Knows no particular format.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Time,
    Level,
    Priority,
    /// OpenTelemetry's number, 1 to 24.
    Severity,
    Status,
    Message,
    Component,
    Caller,
    Program,
    Host,
}

/// Role of a well-known key and its rank. If several keys have the same role, the highest rank
/// wins.
pub fn role(key: &[u8]) -> Option<(Role, u8)> {
    Some(match key {
        b"time"
        | b"timestamp"
        | b"@timestamp"
        | b"@t"
        | b"ts"
        | b"datetime"
        | b"Timestamp"
        | b"Time"
        | b"_time"
        | b"asctime"
        | b"eventTime"
        | b"StartUTC"
        | b"requestReceivedTimestamp"
        | b"time_local"
        | b"start_time"
        | b"SystemTime"
        | b"timeUnixNano"
        | b"time_unix_nano" => (Role::Time, 6),
        b"__REALTIME_TIMESTAMP"
        | b"_SOURCE_REALTIME_TIMESTAMP"
        | b"date"
        | b"t"
        | b"timeMillis"
        | b"created_at"
        | b"msec"
        | b"timestamp_ms"
        | b"instant"
        | b"time_iso8601"
        | b"observedTimeUnixNano"
        | b"stageTimestamp" => (Role::Time, 5),
        b"level" | b"severity" | b"log.level" | b"@l" | b"lvl" | b"levelname" | b"loglevel"
        | b"Level" | b"severity_text" | b"log_level" | b"severityText" | b"SeverityText" => {
            (Role::Level, 3)
        }
        b"severityNumber" | b"severity_number" => (Role::Severity, 2),
        b"PRIORITY" => (Role::Priority, 3),
        b"s" => (Role::Level, 1),
        b"status" | b"status_code" | b"response_code" | b"DownstreamStatus" | b"sc-status" => {
            (Role::Status, 1)
        }
        b"message" | b"msg" | b"@m" | b"MESSAGE" | b"short_message" | b"Message" => {
            (Role::Message, 3)
        }
        b"@mt" | b"log" | b"text" | b"event" | b"body" | b"RenderedMessage" => (Role::Message, 2),
        b"logger" | b"logger_name" | b"log.logger" | b"SourceContext" | b"target" | b"c"
        | b"component" | b"loggerName" | b"module" => (Role::Component, 2),
        b"caller" | b"file" | b"source" | b"src" | b"location" => (Role::Caller, 2),
        b"service" | b"service.name" | b"service_name" | b"app" | b"application"
        | b"SYSLOG_IDENTIFIER" | b"serviceName" => (Role::Program, 3),
        b"_COMM" => (Role::Program, 1),
        b"host" | b"hostname" | b"_HOSTNAME" | b"host.name" => (Role::Host, 2),
        _ => return None,
    })
}

/// Whether a key or a column by this name can hold the time of an event.
pub fn is_time_name(name: &[u8]) -> bool {
    const OTHERS: [&str; 8] = [
        "expir", "before", "after", "until", "deadline", "next", "timeout", "duration",
    ];
    let lower = String::from_utf8_lossy(name).to_ascii_lowercase();
    let last = lower.trim_end_matches(|c: char| !c.is_alphanumeric());
    let other = OTHERS.iter().any(|o| lower.contains(o)) || last.ends_with("times");
    let named = ["time", "date", "when", "stamp", "epoch"]
        .iter()
        .any(|t| lower.contains(t));
    let short =
        matches!(last, "ts" | "at" | "@t" | "t") || last.ends_with("_ts") || last.ends_with("_at");
    (named || short || matches!(role(name), Some((Role::Time, _)))) && !other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_times_are_told_from_other_names() {
        for name in [
            "Timestamp",
            "EdgeStartTimestamp",
            "_ts",
            "when",
            "created_at",
            "@timestamp",
            "Date and Time",
        ] {
            assert!(is_time_name(name.as_bytes()), "{name}");
        }
        for name in [
            "expires_at",
            "timeout",
            "user",
            "status",
            "certNotAfterDate",
            "duration_time",
        ] {
            assert!(!is_time_name(name.as_bytes()), "{name}");
        }
    }
}
