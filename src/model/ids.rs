//! One type an id, each a prefixed UUIDv7 made from the clock and entropy that are passed in. Copies share the text.

use std::sync::Arc;

use crate::clock::{Clock, Entropy};

/// An id that does not have its type's form.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a {expected} id")]
pub struct BadId {
    pub expected: &'static str,
}

fn mint(prefix: &str, clock: &dyn Clock, entropy: &dyn Entropy) -> Arc<str> {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(clock.now().as_millisecond()).unwrap_or(0);
    let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut digits = uuid::Uuid::encode_buffer();
    [prefix, "_", id.simple().encode_lower(&mut digits)].concat().into()
}

fn has_form(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).is_some_and(|rest| {
        !rest.is_empty() && rest.len() <= 64 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// What every id of this type begins with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// Makes a new id.
            pub fn mint(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
                Self(mint($prefix, clock, entropy))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for Arc<str> {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                has_form($prefix, text).then(|| Self(text.into())).ok_or(BadId { expected: $prefix })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

id! {
    /// A customer of the hub; leads every key in the store.
    TenantId, "ten";
    /// An API key (its public half).
    KeyId, "key";
    /// One authorised login at one provider.
    ConnectionId, "con";
    /// One calendar reached through a connection.
    CalendarId, "cal";
    /// A person, room or machine whose time is booked.
    ResourceId, "res";
    /// A span that is reserved for a short time while someone decides.
    HoldId, "hld";
    /// A promise made through the hub.
    BookingId, "bkg";
    /// One thing in a calendar that contradicts a booking.
    ConflictId, "cfl";
    /// A secret feed URL of a resource.
    FeedId, "fed";
    /// One channel through which a provider tells of changes.
    ChannelId, "chn";
    /// A person's visit to the page where accounts are linked.
    LinkSessionId, "lks";
    /// One entry of the change log.
    ChangeId, "evt";
    /// One entry of the audit log.
    AuditId, "aud";
    /// One HTTP request.
    RequestId, "req";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SeededEntropy};

    #[test]
    fn an_id_reads_back_only_as_its_own_type() {
        let clock = ManualClock::at(jiff::Timestamp::UNIX_EPOCH);
        let id = CalendarId::mint(&clock, &SeededEntropy::new(1));
        assert_eq!(id.as_str().parse::<CalendarId>(), Ok(id.clone()));
        assert!(id.as_str().parse::<ConnectionId>().is_err());
        for hostile in ["cal_", "cal", "cal_x'y", "CAL_1", "cal_1\n", ""] {
            assert!(hostile.parse::<CalendarId>().is_err(), "{hostile:?}");
        }
    }
}
