//! How instants and durations look on the wire.

use std::{borrow::Cow, fmt};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type},
    },
};

/// An instant: RFC 3339 in UTC when written, any offset when read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Micros(self.0.as_microsecond()).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = "an instant must look like 2026-03-02T09:00:00Z, with its offset";
        from.deserialize_str(Text(|text: &str| text.parse().map(Self).map_err(|_| wrong)))
    }
}

/// Microseconds since 1970, written as an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Micros(pub(crate) i64);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let at = Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX);
        to.collect_str(&at)
    }
}

/// A duration: ISO 8601 (`PT30M`) when written; when read also days and weeks of 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Iso(pub(crate) SignedDuration);

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole seconds are enough for ages and policies.
        fmt::Display::fmt(&SignedDuration::from_secs(self.0.as_secs()), f)
    }
}

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl std::str::FromStr for Iso {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a duration must look like PT20M or P1D";
        let span: jiff::Span =
            if text.starts_with(['P', 'p', '-', '+']) { text.parse() } else { return Err(WRONG) }
                .map_err(|_| WRONG)?;
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map(Self).map_err(|_| WRONG)
    }
}

impl<'de> Deserialize<'de> for Iso {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(Text(str::parse))
    }
}

/// Reads a text where it stands.
struct Text<F>(F);

impl<T, F: FnOnce(&str) -> Result<T, &'static str>> de::Visitor<'_> for Text<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

macro_rules! text_schema {
    ($($name:ident, $format:expr, $example:literal;)*) => {$(
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some($format))
                    .examples([serde_json::Value::from($example)])
                    .into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    )*};
}

text_schema! {
    Instant, SchemaFormat::KnownFormat(KnownFormat::DateTime), "2026-03-02T09:00:00Z";
    Micros, SchemaFormat::KnownFormat(KnownFormat::DateTime), "2026-03-02T09:00:00Z";
    Iso, SchemaFormat::Custom("duration".to_owned()), "PT20M";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_any_offset_and_written_in_utc() {
        let read: Instant = serde_json::from_str("\"2026-03-02T10:00:00+01:00\"").unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), "\"2026-03-02T09:00:00Z\"");
        assert!(serde_json::from_str::<Instant>("\"2026-03-02T10:00:00\"").is_err());
        assert!(serde_json::from_str::<Instant>("\"2026-03-02\"").is_err());
    }

    #[test]
    fn a_duration_is_iso_8601() {
        let read: Iso = serde_json::from_str("\"P1DT1M\"").unwrap();
        assert_eq!(read.0.as_secs(), 86_460);
        assert_eq!(
            serde_json::to_string(&Iso(SignedDuration::from_millis(12_900))).unwrap(),
            "\"PT12S\""
        );
        for wrong in ["20m", "", "P", "PT", "P1Y", "P1M"] {
            assert!(wrong.parse::<Iso>().is_err(), "{wrong}");
        }
    }
}
