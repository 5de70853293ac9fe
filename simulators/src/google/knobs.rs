//! Habits of Google that differ between days, projects and reports, as values.

use serde::{Deserialize, Serialize};

/// What becomes of a request for a conference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conferencing {
    #[default]
    AtOnce,
    /// `pending` at first, done after so many seconds.
    After(u32),
    Fails,
}

/// How a used-up quota is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttling {
    /// 403 `userRateLimitExceeded` and 403 `rateLimitExceeded`.
    #[default]
    Forbidden,
    /// 429 `rateLimitExceeded`.
    TooMany,
}

/// The knobs of a world's Google.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoogleKnobs {
    /// Whether requests and answers are checked against the published description of the API.
    pub strict: bool,
    pub access_token_s: u32,
    pub testing_grant_s: u32,
    /// A grant that is not used for so long dies.
    pub idle_grant_s: u32,
    pub code_s: u32,
    /// Live grants of one account to one client; the oldest dies of the next one.
    pub most_grants: usize,

    pub user_per_minute: u32,
    pub project_per_minute: u32,
    pub patch_units: u32,
    pub throttling: Throttling,
    /// Throttled answers carry `Retry-After`, which the real one does not promise.
    pub retry_after_s: Option<u64>,
    /// More writes to one calendar in a minute answer `quotaExceeded`.
    pub writes_per_minute: Option<u32>,

    /// Pages are no longer than this, whatever `maxResults` says.
    pub page_cap: Option<usize>,
    /// Every listing begins with a page that is empty but for its `nextPageToken`.
    pub empty_pages: bool,
    /// Changes show in listings only after so many seconds.
    pub list_lag_s: u32,
    /// Changes are kept for so long; older cursors answer 410.
    pub deleted_kept_days: u32,
    /// `updatedMin` may lie so far back.
    pub updated_min_days: u32,
    /// Cancelled instances are told with `id` and `status` alone.
    pub thin_instances: bool,
    /// Other cancelled events are told with `id` and `status` alone, even to their organiser.
    pub thin_deletions: bool,
    /// What a calendar that the account has lost answers.
    pub lost_status: u16,
    /// Instances of an endless series that a listing with `singleEvents` goes through.
    pub most_instances: usize,

    /// An id that is taken is not noticed at insert: a twin is made under an id of the server's own.
    pub duplicates_undetected: bool,
    /// PUT on a deleted event revives it; else 403 `forbidden`.
    pub deleted_revive: bool,
    /// Editing nothing but reminders keeps the etag.
    pub reminders_keep_etag: bool,
    pub conferencing: Conferencing,
    /// The organiser is added as an attendee where there are others.
    pub owner_attends: bool,

    /// Invitations without an answer are busy.
    pub needs_action_is_busy: bool,
    pub free_busy_days: u32,

    pub batch_limit: usize,
    /// Parts of a batch in a thousand that answer 409 `conflict`.
    pub batch_conflicts: u32,

    pub channel_s: u32,
    /// Addresses of channels may be plain http.
    pub allow_http_push: bool,
    /// Notifications in a thousand that are lost.
    pub push_drop: u32,
    /// Notifications in a thousand that come twice.
    pub push_duplicate: u32,
    pub push_delay_ms: u64,
    /// Notifications in a thousand that come later than the next ones.
    pub push_reorder: u32,
    /// Message numbers leave some out.
    pub push_gaps: bool,
    /// Channels tell nothing more after so many messages, although they are open.
    pub push_dies_after: Option<u64>,
    /// Stopped channels still deliver for so long.
    pub push_after_stop_s: u32,
    /// A 404 from the receiver ends the channel.
    pub push_stops_at_404: bool,
}

impl Default for GoogleKnobs {
    fn default() -> Self {
        Self {
            strict: true,
            access_token_s: 3_599,
            testing_grant_s: 7 * 86_400,
            idle_grant_s: 183 * 86_400,
            code_s: 600,
            most_grants: 100,
            user_per_minute: 600,
            project_per_minute: 10_000,
            patch_units: 3,
            throttling: Throttling::default(),
            retry_after_s: None,
            writes_per_minute: None,
            page_cap: None,
            empty_pages: false,
            list_lag_s: 0,
            deleted_kept_days: 30,
            updated_min_days: 30,
            thin_instances: false,
            thin_deletions: false,
            lost_status: 404,
            most_instances: 730,
            duplicates_undetected: false,
            deleted_revive: false,
            reminders_keep_etag: false,
            conferencing: Conferencing::default(),
            owner_attends: false,
            needs_action_is_busy: true,
            free_busy_days: 90,
            batch_limit: 1_000,
            batch_conflicts: 0,
            channel_s: 604_800,
            allow_http_push: false,
            push_drop: 0,
            push_duplicate: 0,
            push_delay_ms: 0,
            push_reorder: 0,
            push_gaps: false,
            push_dies_after: None,
            push_after_stop_s: 0,
            push_stops_at_404: false,
        }
    }
}
