//! Habits of Graph that differ between days, tenants and reports, as values. Chances are in a thousand.

use serde::{Deserialize, Serialize};

/// How a deleted series is told to a delta.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeriesRemoval {
    /// One row with the id of the master.
    #[default]
    Master,
    /// A row for each occurrence in the window, and none for the master.
    Occurrences,
    Both,
}

/// The code in the body of a reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResetCode {
    #[default]
    #[serde(rename = "SyncStateNotFound")]
    NotFound,
    #[serde(rename = "SyncStateInvalid")]
    Invalid,
    #[serde(rename = "resyncRequired")]
    Required,
}

impl ResetCode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::NotFound => "SyncStateNotFound",
            Self::Invalid => "SyncStateInvalid",
            Self::Required => "resyncRequired",
        }
    }
}

/// What becomes of a create whose `transactionId` is known with another body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherBody {
    /// 201 with the event that is there.
    #[default]
    SameEvent,
    /// 409 `ErrorDuplicateTransactionId`.
    Conflict,
}

/// The knobs of a world's Microsoft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MicrosoftKnobs {
    /// Whether requests and answers are checked against the published types.
    pub strict: bool,
    pub access_token_s: u32,
    /// Access tokens live up to so much longer, by chance.
    pub access_token_spread_s: u32,
    /// A refresh token that is not used for so long is dead: AADSTS700082.
    pub refresh_token_s: u32,
    pub code_s: u32,

    /// Requests of an app to a mailbox in `window_s`.
    pub window_requests: u32,
    pub window_s: u32,
    /// Requests of an app to a mailbox at the same time.
    pub concurrency: u32,
    /// How often a request lets others run before it is served, so that calls in one process can overlap.
    pub yields: u32,
    /// 429 or 503.
    pub throttle_status: u16,
    pub retry_after_s: u64,
    /// The chance that a throttled answer carries no `Retry-After`.
    pub retry_after_missing: u32,

    /// Pages are no longer than this, whatever is asked.
    pub page_cap: Option<usize>,
    /// Every round begins with a page that is empty but for its `nextLink`.
    pub empty_pages: bool,
    /// Changes show in deltas and searches only after so many seconds.
    pub list_lag_s: u32,
    /// Delta links live so long; `None` as long as nobody ends them.
    pub delta_link_s: Option<u32>,
    pub reset: ResetCode,
    /// A reset carries a `Location` to begin anew with.
    pub reset_location: bool,
    /// What a mangled token answers: 400 or 410.
    pub mangled_status: u16,
    /// Parameters beside a token are ignored instead of refused.
    pub ignores_parameters: bool,
    /// Occurrences come before their masters.
    pub occurrences_first: bool,
    /// The chance that a row of a delta comes twice.
    pub duplicate_rows: u32,
    /// Whole rows of a delta carry the `transactionId`.
    pub delta_tells_transactions: bool,
    /// Changes outside the window are told as `@removed`.
    pub tells_strangers: bool,
    pub series_removal: SeriesRemoval,

    /// How often the changeKey moves by itself after a create.
    pub bumps: u32,
    pub bump_after_s: u32,
    /// The chance of a 412 on reading.
    pub spurious_412_reads: u32,
    /// The chance of a 412 on writing without `If-Match`.
    pub spurious_412_writes: u32,
    pub other_body: OtherBody,
    /// A `transactionId` is forgotten after so long.
    pub transaction_kept_s: u32,
    /// A `transactionId` whose event was deleted is still known.
    pub transaction_outlives_event: bool,
    /// Equal creates without `transactionId` within so many seconds answer the first one's event.
    pub merges_equal_creates_s: u32,
    /// What a create with an open extension answers although the event is made; `None` takes it.
    pub extension_status: Option<u16>,
    /// Declined meetings stay, as free.
    pub keeps_declined: bool,
    /// Every IANA zone is taken, not only the documented ones.
    pub any_zone: bool,

    pub subscription_max_min: u32,
    pub subscription_min_min: u32,
    pub most_subscriptions: usize,
    /// A second subscription for the same is made; else 409.
    pub duplicate_subscriptions: bool,
    /// Addresses of receivers may be plain http.
    pub allow_http_push: bool,
    /// Whether receivers are asked before a subscription is made.
    pub handshake: bool,
    /// `/me/events` tells of secondary calendars too.
    pub root_covers_all: bool,
    /// The chance that a notification is lost.
    pub push_drop: u32,
    /// The chance that a lost one is told as `missed`.
    pub push_missed: u32,
    pub push_duplicate: u32,
    pub push_delay_ms: u64,
    /// The chance that a notification comes later than the next ones.
    pub push_reorder: u32,
    /// Further `updated` notifications for a created event.
    pub push_echoes: u32,
    /// Notifications for one address that are due together go in one POST of at most so many.
    pub push_together: usize,
    /// Answers that take longer count as slow.
    pub slow_ms: u64,
    /// Notifications stop so long after an unheeded `reauthorizationRequired`.
    pub reauthorize_within_s: u32,
    /// A revoked grant takes its subscriptions along and says `subscriptionRemoved`.
    pub revocation_removes: bool,

    pub batch_limit: usize,
}

impl Default for MicrosoftKnobs {
    fn default() -> Self {
        Self {
            strict: true,
            access_token_s: 3_600,
            access_token_spread_s: 1_800,
            refresh_token_s: 90 * 86_400,
            code_s: 600,
            window_requests: 10_000,
            window_s: 600,
            concurrency: 4,
            yields: 0,
            throttle_status: 429,
            retry_after_s: 10,
            retry_after_missing: 0,
            page_cap: None,
            empty_pages: false,
            list_lag_s: 0,
            delta_link_s: None,
            reset: ResetCode::default(),
            reset_location: true,
            mangled_status: 400,
            ignores_parameters: false,
            occurrences_first: false,
            duplicate_rows: 0,
            delta_tells_transactions: true,
            tells_strangers: true,
            series_removal: SeriesRemoval::default(),
            bumps: 1,
            bump_after_s: 2,
            spurious_412_reads: 0,
            spurious_412_writes: 0,
            other_body: OtherBody::default(),
            transaction_kept_s: 7 * 86_400,
            transaction_outlives_event: false,
            merges_equal_creates_s: 0,
            extension_status: Some(503),
            keeps_declined: false,
            any_zone: false,
            subscription_max_min: 10_080,
            subscription_min_min: 45,
            most_subscriptions: 1_000,
            duplicate_subscriptions: true,
            allow_http_push: false,
            handshake: true,
            root_covers_all: false,
            push_drop: 0,
            push_missed: 0,
            push_duplicate: 0,
            push_delay_ms: 0,
            push_reorder: 0,
            push_echoes: 1,
            push_together: 1,
            slow_ms: 3_000,
            reauthorize_within_s: 3_600,
            revocation_removes: true,
            batch_limit: 20,
        }
    }
}
