//! Faults on demand: which calls they meet, and what they do to them.

use serde::{Deserialize, Serialize};

use crate::spec::Access;

/// A scripted fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default)]
    pub on: Calls,
    pub act: Act,
}

impl Fault {
    /// A fault that meets every call.
    pub fn new(act: Act) -> Self {
        Self { on: Calls::default(), act }
    }

    #[must_use]
    pub fn account(mut self, user: &str) -> Self {
        self.on.account = Some(user.into());
        self
    }

    #[must_use]
    pub fn feed(mut self, name: &str) -> Self {
        self.on.feed = Some(name.into());
        self
    }

    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.on.method = Some(method.into());
        self
    }

    /// Only requests whose XML root element is called so, or whose Google method is (`events.list`).
    #[must_use]
    pub fn report(mut self, name: &str) -> Self {
        self.on.report = Some(name.into());
        self
    }

    #[must_use]
    pub fn path(mut self, part: &str) -> Self {
        self.on.path = Some(part.into());
        self
    }

    #[must_use]
    pub fn turn(mut self, turn: Turn) -> Self {
        self.on.turn = turn;
        self
    }

    /// Only the first matching call.
    #[must_use]
    pub fn once(self) -> Self {
        self.turn(Turn::First(1))
    }
}

/// Which calls a fault meets: all the given conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    pub account: Option<String>,
    pub feed: Option<String>,
    pub method: Option<String>,
    pub report: Option<String>,
    /// A part of the path.
    pub path: Option<String>,
    pub turn: Turn,
}

/// Which of the matching calls, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    #[default]
    Every,
    Nth(u32),
    First(u32),
    From(u32),
    /// One call in so many, chosen by the world's seed.
    OneIn(u32),
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Waits before the answer (the injected sleeper decides what waiting is).
    Latency {
        ms: u64,
    },
    /// The connection is cut before anything is done.
    DropBefore,
    /// The connection is cut after the request took effect.
    DropAfterApply,
    /// Answers with this status and does nothing.
    Status {
        status: u16,
        #[serde(default)]
        retry_after_s: Option<u64>,
        #[serde(default)]
        body: String,
    },
    /// Takes effect, then answers this status with nothing of the true answer.
    StatusAfterApply {
        status: u16,
    },
    /// Takes effect, then answers this body with status 200: a login page, JSON, nothing.
    Body {
        body: String,
        content_type: String,
    },
    /// Announces the whole body and cuts the connection after so many bytes.
    TruncateBody {
        keep: usize,
    },
    /// Every row of a multistatus comes twice.
    DuplicateRows,
    /// The rows of a multistatus come in reverse.
    ReorderRows,
    /// A multistatus without its rows: the glitch that looks like a mass deletion.
    EmptyRows,
    /// A multistatus with every other row: the glitch that looks like many deletions.
    HalfRows,
    /// Takes effect, then answers bytes that are spoilt though their number is right.
    Spoil {
        how: Spoiling,
    },
    /// A header is left out of the answer.
    StripHeader {
        name: String,
    },
    /// Every sync token handed out so far becomes unknown.
    ExpireCursors,
    /// The password and bearer token stop working.
    RevokePassword,
    /// More than `requests` in `per_s` seconds are answered 429.
    RateLimit {
        requests: u32,
        per_s: u32,
        retry_after_s: u64,
    },
    /// Another client writes a resource just before this request is served.
    ForeignEdit {
        calendar: String,
        name: String,
        body: String,
    },
    /// Another client deletes a resource just before this request is served.
    ForeignDelete {
        calendar: String,
        name: String,
    },
    RoleChange {
        calendar: String,
        access: Access,
    },
    /// The collection answers with this status (403, 404, 410) from now on.
    CalendarGone {
        calendar: String,
        status: u16,
    },
}

/// How an answer's bytes are spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoiling {
    /// They end in the middle.
    Half,
    /// UTF-16, whatever the header says.
    Utf16,
    /// Every `e` as Latin-1 writes an accented one: no UTF-8.
    Latin1,
    /// Said to be compressed, and not.
    FalseGzip,
}

impl Act {
    /// The word for the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::DropBefore => "drop_before",
            Self::DropAfterApply => "drop_after_apply",
            Self::Status { .. } => "status",
            Self::StatusAfterApply { .. } => "status_after_apply",
            Self::Body { .. } => "body",
            Self::TruncateBody { .. } => "truncate_body",
            Self::DuplicateRows => "duplicate_rows",
            Self::ReorderRows => "reorder_rows",
            Self::EmptyRows => "empty_rows",
            Self::HalfRows => "half_rows",
            Self::Spoil { .. } => "spoil",
            Self::StripHeader { .. } => "strip_header",
            Self::ExpireCursors => "expire_cursors",
            Self::RevokePassword => "revoke_password",
            Self::RateLimit { .. } => "rate_limit",
            Self::ForeignEdit { .. } => "foreign_edit",
            Self::ForeignDelete { .. } => "foreign_delete",
            Self::RoleChange { .. } => "role_change",
            Self::CalendarGone { .. } => "calendar_gone",
        }
    }
}

/// What is asked, as far as faults look at it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) account: Option<&'a str>,
    pub(crate) feed: Option<&'a str>,
    pub(crate) method: &'a str,
    pub(crate) report: Option<&'a str>,
    pub(crate) path: &'a str,
}

/// A fault with its counters.
#[derive(Clone, Debug)]
pub(crate) struct Planted {
    pub(crate) fault: Fault,
    met: u32,
    /// The seconds at which calls came, for rate limits.
    recent: Vec<i64>,
}

impl Planted {
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, met: 0, recent: Vec::new() }
    }

    /// Counts the call when it matches, and tells whether the fault acts on it.
    pub(crate) fn meets(&mut self, asked: &Asked<'_>, seed: u64, now_s: i64) -> bool {
        if !self.fault.on.matches(asked) {
            return false;
        }
        self.met += 1;
        let turn = match self.fault.on.turn {
            Turn::Every => true,
            Turn::Nth(n) => self.met == n,
            Turn::First(n) => self.met <= n,
            Turn::From(n) => self.met >= n,
            Turn::OneIn(n) => {
                scatter(seed, u64::from(self.met)).is_multiple_of(u64::from(n.max(1)))
            }
        };
        turn && self.is_over_the_limit(now_s)
    }

    fn is_over_the_limit(&mut self, now_s: i64) -> bool {
        let Act::RateLimit { requests, per_s, .. } = self.fault.act else { return true };
        self.recent.retain(|at| now_s - at < i64::from(per_s));
        let over = self.recent.len() >= requests as usize;
        if !over {
            self.recent.push(now_s);
        }
        over
    }
}

impl Calls {
    fn matches(&self, asked: &Asked<'_>) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted
                .as_deref()
                .is_none_or(|wanted| found.is_some_and(|found| found.eq_ignore_ascii_case(wanted)))
        };
        same(&self.account, asked.account)
            && same(&self.feed, asked.feed)
            && same(&self.method, Some(asked.method))
            && same(&self.report, asked.report)
            && self.path.as_deref().is_none_or(|part| asked.path.contains(part))
    }
}

/// Splitmix64: chance that repeats with the seed.
pub(crate) fn scatter(seed: u64, n: u64) -> u64 {
    let mut z = seed.wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
