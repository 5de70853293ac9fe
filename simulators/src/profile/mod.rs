//! The knobs of a CalDAV dialect. A profile is only values: the front reads knobs and never asks for a name.
//!
//! The named profiles are in [`crate::dialects`]; every knob can also be set by itself (seed file, control API, tests).

mod write;

use serde::{Deserialize, Serialize};

pub use write::{DeleteReply, EtagForm, PutEtag, Refusal, ScheduleTag, Stored, UidScope, Write};

/// How one CalDAV server behaves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// A label that is also the path segment below `/dav/`. Nothing branches on it.
    pub name: String,
    pub server: String,
    /// The `DAV` response header.
    pub dav: String,
    pub discovery: Discovery,
    pub auth: Auth,
    pub xml: Xml,
    pub sync: Sync,
    pub query: Query,
    pub write: Write,
}

impl Profile {
    /// Changes knobs in place, for building a variant of a named profile.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Discovery {
    /// Status of `/.well-known/caldav`: a redirect, 207 (answered in place), 404, 405 or 501.
    pub well_known: u16,
    /// Answers the well-known address with 401 before redirecting.
    pub login_first: bool,
    /// Sends the well-known redirect to this origin instead of the one that was asked.
    pub redirect_origin: Option<String>,
    /// Principal and home sets name the world's other origin in absolute hrefs (the iCloud way).
    pub partitioned: bool,
    /// Whether `current-user-principal` is known.
    pub principal: bool,
    /// How many home sets the principal names: 0, 1 or 2.
    pub homes: u8,
    /// The principal is also the first home.
    pub home_is_principal: bool,
    /// Whether `current-user-privilege-set` and `supported-report-set` are told.
    pub privileges: bool,
    pub reports: bool,
    /// A collection has a `getetag` of its own.
    pub collection_etag: bool,
    /// Adds an inbox, an outbox and a notification collection to the first home.
    pub scheduling_boxes: bool,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            well_known: 301,
            login_first: false,
            redirect_origin: None,
            partitioned: false,
            principal: true,
            homes: 1,
            home_is_principal: false,
            privileges: true,
            reports: true,
            collection_etag: false,
            scheduling_boxes: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// Nothing is asked.
    Open,
    Basic,
    DigestMd5,
    DigestSha256,
    Bearer,
    /// A scheme that no client knows, offered beside the others.
    Unusual,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    pub schemes: Vec<Scheme>,
    /// All challenges in one header, separated by commas.
    pub one_header: bool,
    /// A digest nonce goes stale after so many uses.
    pub nonce_uses: Option<u32>,
    /// After so many wrong passwords every request is answered 429.
    pub brute_force_after: Option<u32>,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            schemes: vec![Scheme::Basic],
            one_header: false,
            nonce_uses: None,
            brute_force_after: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prefixes {
    /// `d:`, `cal:`, `cs:`
    #[default]
    Lower,
    /// `D:`, `C:`, `CS:`
    Upper,
    /// `ns0:`, `ns1:`
    Numbered,
    /// `DAV:` is the default namespace.
    Default,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HrefStyle {
    /// Encoded where RFC 3986 asks for it; `@` stays.
    #[default]
    Plain,
    /// `%40` for `@`.
    At,
    /// As `At`, with hex digits in lower case.
    LowerHex,
    /// Spaces and other characters are not encoded.
    Raw,
    /// An absolute URL.
    Absolute,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xml {
    pub prefixes: Prefixes,
    pub href: HrefStyle,
    /// `sync-token` stands before the responses.
    pub token_first: bool,
    pub cdata: bool,
    /// Line ends of `calendar-data` become LF.
    pub lf: bool,
    /// Control characters of event text reach the reply, which is then not well-formed.
    pub raw_controls: bool,
    /// Reports unknown properties in a 404 propstat, as RFC 4918 asks; else leaves them out.
    pub missing_told: bool,
    /// Every listing and multiget repeats its first row and adds one nobody asked for.
    pub crowded: bool,
    pub content_type: String,
    /// `status` stands before `prop` in a propstat.
    pub status_first: bool,
    /// Listings of depth 1 leave out the collection itself.
    pub skips_itself: bool,
}

impl Default for Xml {
    fn default() -> Self {
        Self {
            prefixes: Prefixes::Lower,
            href: HrefStyle::Plain,
            token_first: false,
            cdata: false,
            lf: false,
            raw_controls: false,
            missing_told: true,
            crowded: false,
            content_type: "application/xml; charset=utf-8".into(),
            status_first: false,
            skips_itself: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenForm {
    /// No RFC 6578.
    None,
    #[default]
    Generic,
    /// `http://sabre.io/ns/sync/{n}`
    Sabre,
    /// `http://radicale.org/ns/sync/{64 hex}`
    Radicale,
    /// A bare git hash: not a URI.
    GitHash,
    /// `{uidvalidity}-{modseq}` inside a URL.
    Cyrus,
    /// `urn:stalwart:davsync:{id}`
    Stalwart,
    Opaque,
    /// Unix seconds; repeats the rows of the last second.
    Seconds,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CtagForm {
    None,
    #[default]
    Plain,
    Quoted,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitPolicy {
    /// Pages with a 507 row and a token that covers what was listed.
    #[default]
    Paged,
    Ignored,
    /// Cuts the rows and hands out the final token: rows are lost.
    Truncated,
    /// 507 for the whole request when an initial listing carries a limit; pages later ones.
    InitialFails,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvalidToken {
    /// The status, with or without a `valid-sync-token` body.
    Refused { status: u16, told: bool },
    /// Any token is taken; the diff is silently wrong.
    Accepted,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    pub token: TokenForm,
    pub ctag: CtagForm,
    pub limit: LimitPolicy,
    /// The server's own page size.
    pub page: Option<usize>,
    pub invalid: InvalidToken,
    /// Only so many changes are remembered; older ones are silently missing from a diff.
    pub remembers: Option<u64>,
    /// A `sync-level` other than `1` is refused with 400.
    pub strict_level: bool,
    /// The collection appears as a row of its own.
    pub collection_row: bool,
    /// The last change known to the client is told again.
    pub repeats_last: bool,
    /// Rows carry no `getetag`.
    pub bare_rows: bool,
    /// A write appears in listings only after so many seconds.
    pub lag_s: u32,
}

impl Default for Sync {
    fn default() -> Self {
        Self {
            token: TokenForm::Generic,
            ctag: CtagForm::Plain,
            limit: LimitPolicy::Paged,
            page: None,
            invalid: InvalidToken::Refused { status: 403, told: true },
            remembers: None,
            strict_level: false,
            collection_row: false,
            repeats_last: false,
            bare_rows: false,
            lag_s: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeRange {
    /// Everything that may overlap, never less.
    #[default]
    Right,
    Ignored,
    /// Empty unless the filter names a component inside `VCALENDAR`.
    NeedsCompFilter,
    /// Without a range, only a year back and ahead.
    WithinAYear,
    /// All-day series are missing.
    LosesAllDaySeries,
    /// A series is found only by its first instance.
    LosesLaterInstances,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthZero {
    #[default]
    AsOne,
    Refused,
    Empty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Multiget {
    #[default]
    Honest,
    /// Rows of unknown hrefs come first.
    MissingFirst,
    /// Every third href is left out.
    FewerRows,
    /// The report is not there.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    pub time_range: TimeRange,
    pub depth_zero: DepthZero,
    pub multiget: Multiget,
    /// Whether `free-busy-query` is answered at all (else 501).
    pub free_busy: bool,
    /// Overlapping periods stay apart.
    pub unmerged: bool,
    pub free_busy_type: String,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            time_range: TimeRange::Right,
            depth_zero: DepthZero::AsOne,
            multiget: Multiget::Honest,
            free_busy: true,
            unmerged: false,
            free_busy_type: "text/calendar; charset=utf-8".into(),
        }
    }
}
