//! Keeps everything the hub knows, in SQLite or PostgreSQL, and is the only module that names sqlx.
//!
//! A [`Store`] hands out transactions ([`Tx`]); a transaction hands out families of statements
//! (`tx.calendars().get(..)`), each in its own file here, one statement a file in `sql/`. Every statement
//! on a tenant's rows has the tenant in its predicate. Rows are plain structs; what their columns mean
//! beyond that is decided by the callers.

mod args;
mod audit;
mod backup;
mod bookings;
mod calendars;
mod census;
mod changes;
mod channels;
mod claims;
mod columns;
mod conflicts;
mod connections;
mod data_keys;
mod drift;
mod error;
mod events;
mod examine;
mod feeds;
mod grants;
mod holds;
mod hosts;
mod idempotency;
mod instance;
mod keys;
mod link_sessions;
mod locks;
mod open;
mod outbox;
mod pauses;
mod provider_apps;
mod resources;
mod restored;
mod sealed;
mod tables;
mod tenants;
mod timeline;
mod tx;
mod work;

pub use audit::{Audit, AuditFilter, AuditPlace, AuditRow, AuditTail};
pub use backup::{Backup, BackupError, SealedKeys, Summary, back_up, restore};
pub use bookings::{BookingFilter, BookingRow, Bookings, HistoryRow};
pub use calendars::{CalendarFilter, CalendarRow, Calendars, PullOutcome, RemoteCalendarRow};
pub use census::{
    AskedFor, Census, ConnectionCount, FailureCount, OutboxCount, REQUESTS_KEPT, RequestCount,
};
pub use changes::{BadCursor, ChangeFilter, ChangeRow, Changes, Epoch, LogCursor, NewChange};
pub use channels::{ChannelRow, Channels};
pub use claims::{BasisRow, BusyTime, ClaimRow, Claims, StandingRow, WantedSpan};
pub use conflicts::{ConflictRow, Conflicts};
pub use connections::{ConnectionFilter, ConnectionHealth, ConnectionRow, Connections};
pub use data_keys::{DataKeyRow, DataKeys, SealedColumn, SealedRow};
pub use drift::{DriftFilter, DriftRow, Drifts, FoundEvent};
pub use error::{Result, StoreError, rules};
pub use events::{BusyRow, CalendarBusyRow, CalendarSpans, EventRow, Events};
pub use examine::{Examination, Unfit, examine};
pub use feeds::{FeedRow, Feeds};
pub use grants::{GrantRow, Grants, NewToken};
pub use holds::{HoldRow, Holds};
pub use hosts::{ClosedHosts, Draw, Drawn, HostPlace, Hosts, Taken, Talk};
pub use idempotency::{Begun, Idempotency, IdempotencyKey};
pub use instance::Instance;
pub use keys::{KeyRow, Keys};
pub use link_sessions::{LinkSessionRow, LinkSessions, OAuthTripRow};
pub use open::{Engine, Options, Store};
pub use outbox::{AttemptRow, Outbox, OutboxFilter, OutboxRow};
pub use pauses::{PauseRow, Paused, Pauses, Target};
pub use provider_apps::{ProviderAppRow, ProviderApps};
pub use resources::{LinkRow, ResourceRow, Resources};
pub use sealed::Sealed;
pub use tenants::{TenantRow, Tenants};
pub use timeline::{NewEntry, Timeline, TimelinePage, TimelineRow};
pub use tx::Tx;
pub use work::{Claimed, Claiming, LaneCounts, Share, Work, WorkRow};
