//! What callers can do about a failed statement.

use sqlx::error::ErrorKind;

/// The result of every store call.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A failed store call. Its text never holds a value of a row.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A named rule of the database refused the write; one of [`rules`].
    #[error("the store's rule {0} refuses it")]
    Conflict(&'static str),
    /// The database could not serve the call now; trying again may help.
    #[error("the store does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// A stored value that this version cannot read.
    #[error("{table}.{column} holds a value this version cannot read")]
    Corrupt { table: &'static str, column: &'static str },
    /// The cursor belongs to another epoch, or to a part of the log that is gone.
    #[error("the change log no longer reaches back to this cursor")]
    CursorExpired,
    /// The database may not be used; the text tells a person why.
    #[error("{0}")]
    Refused(String),
    /// The schema could not be brought up to date.
    #[error("the migrations failed")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// The names that [`StoreError::Conflict`] carries.
pub mod rules {
    pub const CONNECTION_IDENTITY: &str = "connections_by_identity";
    pub const CONNECTION_EXTERNAL_ID: &str = "connections_by_external_id";
    pub const CALENDAR_REF: &str = "calendars_by_ref";
    pub const RESOURCE_EXTERNAL_ID: &str = "resources_by_external_id";
    pub const HOLD_EXTERNAL_ID: &str = "holds_by_external_id";
    pub const BOOKING_EXTERNAL_ID: &str = "bookings_by_external_id";
    /// Somebody has taken this time of this resource.
    pub const CLAIMS_DO_NOT_OVERLAP: &str = "claims_do_not_overlap";
    /// What a row points at does not exist (or not in this tenant), or is still pointed at.
    pub const REFERENCE: &str = "reference";
    /// The row's own key is taken.
    pub const PRIMARY_KEY: &str = "primary_key";
    /// Any other rule.
    pub const OTHER: &str = "other";
}

/// The unique rules with the columns by which SQLite, which knows no names here, tells them.
const UNIQUE: [(&str, &str); 7] = [
    (rules::CONNECTION_IDENTITY, "connections.provider, connections.identity"),
    (rules::CONNECTION_EXTERNAL_ID, "connections.external_id"),
    (rules::CALENDAR_REF, "calendars.connection_id, calendars.provider_ref"),
    (rules::RESOURCE_EXTERNAL_ID, "resources.external_id"),
    (rules::HOLD_EXTERNAL_ID, "holds.external_id"),
    (rules::BOOKING_EXTERNAL_ID, "bookings.external_id"),
    // A trigger's own word.
    (rules::CLAIMS_DO_NOT_OVERLAP, rules::CLAIMS_DO_NOT_OVERLAP),
];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let rule = error.as_database_error().and_then(|database| match database.kind() {
            ErrorKind::UniqueViolation | ErrorKind::ExclusionViolation => {
                Some(unique_rule(database.constraint(), database.message()))
            }
            ErrorKind::ForeignKeyViolation => Some(rules::REFERENCE),
            _ if database.message().ends_with(rules::CLAIMS_DO_NOT_OVERLAP) => {
                Some(rules::CLAIMS_DO_NOT_OVERLAP)
            }
            ErrorKind::NotNullViolation | ErrorKind::CheckViolation => Some(rules::OTHER),
            _ => None,
        });
        rule.map_or(Self::Unavailable(error), Self::Conflict)
    }
}

fn unique_rule(constraint: Option<&str>, message: &str) -> &'static str {
    let named = UNIQUE.into_iter().find(|(name, columns)| {
        constraint.map_or_else(|| message.ends_with(columns), |given| given == *name)
    });
    named.map_or(rules::PRIMARY_KEY, |(name, _)| name)
}
