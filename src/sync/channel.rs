//! Channels: having a provider tell of a calendar's changes, and what its word is worth.
//!
//! What a notification says is never believed: it only makes the calendar's pull due. A channel is replaced long before
//! its end, by a second one beside it, and how well a calendar is told of ([`PushState`]) follows from what was heard and
//! from what pulls found that nobody had told (rule 1). Nothing is written into a calendar to find out.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use connectors::{CalendarRef, Channels, Kind, OpenChannel, Verb, WantedChannel};
use jiff::Timestamp;
use secrecy::SecretString;
use subtle::ConstantTimeEq;
use url::Url;

use super::{
    drain::End,
    ending::failure,
    engine::{Engine, Subject},
    error::SyncError,
    lanes::Lane,
    pausing::Use,
    schedule::{self, after, expected_max_age},
    state::{Consequence, consequence, is_pulled},
    timeline::Happened,
};
use crate::{
    drill::{Bug, is_back},
    model::{
        ids::{CalendarId, ChannelId, ConnectionId, TenantId},
        states::PushState,
    },
    store::{ChannelRow, StoreError, Tx, WorkRow},
};

/// How often a calendar is polled of whose changes the provider tells: six times a day and a little.
const PUSHED_POLL: Duration = Duration::from_secs(4 * 60 * 60);
/// What is asked for; providers grant what they like.
const LIVES: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How soon after its opening a channel's predecessor is closed, if it was heard by then.
const OVERLAP: Duration = Duration::from_secs(2 * 60);
/// A provider that never tells of a calendar is asked again so seldom.
const HOPELESS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How often what cannot be watched now is looked at.
const LATER: Duration = Duration::from_secs(60 * 60);
/// Notifications of a calendar make one pull in this time.
const COALESCED: Duration = Duration::from_secs(2);
/// Calendars remembered for that.
const REMEMBERED: usize = 100_000;

/// Where this process is told of changes, and of which calendars it was.
#[derive(Debug, Default)]
pub(super) struct Ears {
    base: OnceLock<Url>,
    /// Until when what is told of a calendar is covered by a pull that has not begun.
    covered: Mutex<HashMap<ChannelId, Timestamp>>,
    /// How many channels this process has opened.
    opened: AtomicU32,
}

impl Ears {
    /// When the pull that is told of now shall be due; `None` when one is due that covers it.
    fn due(&self, channel: &ChannelId, now: Timestamp) -> Option<Timestamp> {
        let mut covered = self.covered.lock().unwrap_or_else(PoisonError::into_inner);
        let last = covered.get(channel).copied();
        if last.is_some_and(|due| now < due && due <= after(now, COALESCED)) {
            return None;
        }
        let soonest = last.map_or(now, |due| after(due, COALESCED));
        let due = if soonest > after(now, COALESCED) { now } else { soonest.max(now) };
        if covered.len() >= REMEMBERED {
            covered.retain(|_, due| after(*due, COALESCED) > now);
        }
        covered.insert(channel.clone(), due);
        Some(due)
    }

    /// A share of one for each channel that is opened. One after the other they lie more evenly than chance puts them,
    /// which at fifty renewals a minute would heap up half as many again now and then.
    fn share(&self) -> f64 {
        const GOLDEN: f64 = 0.618_033_988_749_895;
        (f64::from(self.opened.fetch_add(1, Ordering::Relaxed)) * GOLDEN).fract()
    }

    /// What was to be made due was not.
    fn forget(&self, channel: &ChannelId) {
        self.covered.lock().unwrap_or_else(PoisonError::into_inner).remove(channel);
    }
}

/// A notification, with what proves where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    pub channel: &'a str,
    /// The secret that the channel was opened with.
    pub secret: &'a str,
    pub resource: &'a str,
    /// Grows; repeated or older ones are nobody's news. `None` where the provider does not count.
    pub number: Option<i64>,
    /// The first message of a channel, which tells of nothing but itself.
    pub is_greeting: bool,
}

/// What a provider says of a channel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stops telling unless the channel is renewed.
    Ending,
    /// It has taken the channel out.
    Removed,
}

/// What became of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hearing {
    /// The calendar's pull is due, for certain.
    Nudged,
    /// It is due already, or was told before.
    Covered,
    /// Not from a provider that was asked by this hub.
    Forged,
    /// A channel that is no more.
    Unknown,
}

impl Engine {
    /// Lets providers tell of changes under this address. Without one, everything is polled.
    pub fn listen_at(&self, base: Url) {
        let _ = self.ears.base.set(base);
    }

    /// Hears a notification. What is forged costs no look at the store.
    ///
    /// # Errors
    ///
    /// When the store fails; the provider is to tell again.
    pub async fn hear(&self, told: Told<'_>) -> Result<Hearing, StoreError> {
        let Some(channel) = self.proven(&told) else { return Ok(Hearing::Forged) };
        let now = self.clock.now();
        // A greeting comes once, and what is told next is no burst.
        let due = if told.is_greeting { Some(now) } else { self.ears.due(&channel, now) };
        let Some(due) = due else { return Ok(Hearing::Covered) };
        let heard = self.note_told(&channel, told, due, now).await;
        if !matches!(heard, Ok(Hearing::Nudged)) {
            self.ears.forget(&channel);
        }
        heard
    }

    /// The channel of a message that bears its secret; nothing else is asked before this.
    fn proven(&self, told: &Told<'_>) -> Option<ChannelId> {
        let channel = told.channel.parse().ok()?;
        let expected = self.channel_secret(&channel);
        bool::from(expected.as_bytes().ct_eq(told.secret.as_bytes())).then_some(channel)
    }

    /// The channel as it is stored, if the message is about what it was opened for.
    async fn told_of(
        &self,
        channel: &ChannelId,
        told: &Told<'_>,
    ) -> Result<Result<ChannelRow, Hearing>, StoreError> {
        let row = self.store.glance().await?.channels().find(channel).await?;
        Ok(row.ok_or(Hearing::Unknown).and_then(|row| {
            let is_its = row.resource.as_deref().is_none_or(|resource| resource == told.resource);
            if is_its { Ok(row) } else { Err(Hearing::Forged) }
        }))
    }

    async fn note_told(
        &self,
        channel: &ChannelId,
        told: Told<'_>,
        due: Timestamp,
        now: Timestamp,
    ) -> Result<Hearing, StoreError> {
        let row = match self.told_of(channel, &told).await? {
            Ok(row) => row,
            Err(heard) => return Ok(heard),
        };
        let number = told.number.unwrap_or_else(|| row.number.saturating_add(1));
        if !row.is_live() || number <= row.number {
            return Ok(Hearing::Covered);
        }
        let (tenant, calendar) = (&row.tenant_id, &row.calendar_id);
        let mut tx = self.store.begin().await?;
        tx.calendars().lock(calendar).await?;
        let Some(seen) = tx.calendars().get(tenant, calendar).await? else {
            return Ok(Hearing::Unknown);
        };
        tx.calendars().heard(tenant, calendar, now).await?;
        tx.channels().heard(tenant, channel, number, now).await?;
        if seen.push != PushState::Healthy {
            let of = (tenant, &seen.connection_id, calendar);
            let told = self.tell_of_calendar(&mut tx, of, Happened::Push { is_heard: true }).await;
            if let Err(SyncError::Store(error)) = told {
                return Err(error);
            }
        }
        tx.work().nudge(tenant, Lane::Pull.as_str(), calendar.as_str(), None, due).await?;
        tx.commit().await?;
        self.ring_at(due, now);
        Ok(Hearing::Nudged)
    }

    /// Whether a provider has been asked to open this channel and has not answered yet: only then is there anything to
    /// prove to it.
    ///
    /// # Errors
    ///
    /// When the store fails.
    pub async fn is_opening(&self, channel: &str) -> Result<bool, StoreError> {
        let Ok(channel) = channel.parse::<ChannelId>() else { return Ok(false) };
        let row = self.store.glance().await?.channels().find(&channel).await?;
        Ok(row.is_some_and(|row| row.state == "opening"))
    }

    /// Hears what becomes of a channel itself: it is looked after soon. Changes may have been missed where it is gone.
    ///
    /// # Errors
    ///
    /// When the store fails; the provider is to tell again.
    pub async fn hear_fate(&self, told: Told<'_>, fate: Fate) -> Result<Hearing, StoreError> {
        let Some(channel) = self.proven(&told) else { return Ok(Hearing::Forged) };
        let row = match self.told_of(&channel, &told).await? {
            Ok(row) => row,
            Err(heard) => return Ok(heard),
        };
        let (tenant, calendar, now) = (&row.tenant_id, &row.calendar_id, self.clock.now());
        let mut tx = self.store.begin().await?;
        tx.calendars().lock(calendar).await?;
        if tx.calendars().get(tenant, calendar).await?.is_none() {
            return Ok(Hearing::Unknown);
        }
        match fate {
            Fate::Ending => tx.channels().renew_at(tenant, &channel, now).await?,
            Fate::Removed => tx.channels().delete(tenant, &channel).await?,
        }
        if fate == Fate::Removed {
            tx.work().nudge(tenant, Lane::Pull.as_str(), calendar.as_str(), None, now).await?;
        }
        tx.work().nudge(tenant, Lane::Watch.as_str(), calendar.as_str(), None, now).await?;
        tx.commit().await?;
        self.ring();
        Ok(Hearing::Nudged)
    }

    /// Wakes the workers when something is due, and not at their next look.
    fn ring_at(&self, due: Timestamp, now: Timestamp) {
        let wait = Duration::try_from(due.duration_since(now)).unwrap_or_default();
        if wait.is_zero() {
            return self.ring();
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let bell = self.bell();
            runtime.spawn(async move {
                tokio::time::sleep(wait).await;
                bell.notify_one();
            });
        }
    }

    /// What a provider must say on a channel. It needs no row: whoever does not know it is refused for nothing.
    fn channel_secret(&self, channel: &ChannelId) -> String {
        let mac = self.vault.mac("channel", &[channel.as_str().as_bytes()]);
        mac.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Has a calendar watched, if nobody does yet.
    pub(super) async fn begin_watching(
        &self,
        tx: &mut Tx,
        tenant: &TenantId,
        calendar: &CalendarId,
    ) -> Result<(), StoreError> {
        if self.ears.base.get().is_none() {
            return Ok(());
        }
        let (lane, now) = (Lane::Watch.as_str(), self.clock.now());
        tx.work().begin(tenant, lane, calendar.as_str(), now).await
    }

    pub(super) async fn run_watch(&self, work: &WorkRow) -> Result<End, StoreError> {
        let (Ok(calendar), Some(base)) = (work.subject.parse(), self.ears.base.get()) else {
            return Ok(End::Never);
        };
        let subject = match self.subject(&work.tenant_id, &calendar).await {
            Ok(subject) => subject,
            Err(error) => return self.end_of(work, &error),
        };
        if !is_pulled(subject.connection.state) || !subject.calendar.listed {
            return Ok(End::Again(after(self.clock.now(), LATER), None));
        }
        let way = match self.way(&subject, Use::Read).await {
            Ok(way) => way,
            Err(error) => return self.end_of(work, &error),
        };
        if let Some(aside) = self.steps_aside(work, &way.pace).await? {
            return Ok(aside);
        }
        let connector = match self.connect(&subject.connection, &way) {
            Ok(connector) => connector,
            Err(error) => return self.end_of(work, &error.into()),
        };
        let Some(channels) = connector.channels() else { return Ok(End::Never) };
        match self.watch(channels, &subject, base).await {
            Ok(next) => Ok(End::Again(next, None)),
            Err(SyncError::Provider(error)) => {
                self.obey(&way.pace, &error.kind).await?;
                self.not_watched(work, &subject, &error).await
            }
            Err(error) => self.end_of(work, &error),
        }
    }

    /// Sees to it that one channel is open, and closes those that are not needed any more. Answers when to look again.
    async fn watch(
        &self,
        channels: &dyn Channels,
        subject: &Subject,
        base: &Url,
    ) -> Result<Timestamp, SyncError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
        let now = self.clock.now();
        let rows = self.store.glance().await?.channels().of_calendar(tenant, calendar).await?;
        let is_good = |row: &&ChannelRow| {
            row.state == "open" && row.renew_at.is_some_and(|renew_at| now < renew_at)
        };
        // The last one that was opened; ids grow.
        let Some(good) = rows.iter().rev().find(is_good) else {
            let old = rows.iter().rev().find(|row| row.tells_at(now));
            let is_renewed = match old {
                Some(old) => self.renew_channel(channels, subject, base, old).await?,
                None => false,
            };
            if !is_renewed {
                self.open_channel(channels, subject, base).await?;
            }
            return Ok(after(now, OVERLAP));
        };
        let mut next = good.renew_at.unwrap_or(now);
        for old in rows.iter().filter(|row| row.channel_id != good.channel_id) {
            let is_over = old.expires_at.is_some_and(|expires_at| expires_at <= now);
            // Until the new one has proven itself, the old one may be the only one that is heard.
            if old.state != "open" || good.proven_at.is_some() || is_over {
                self.close_channel(channels, old, is_over).await?;
            } else {
                next = next.min(after(now, OVERLAP));
            }
        }
        Ok(next)
    }

    fn wanted(&self, subject: &Subject, base: &Url, channel: &ChannelId) -> WantedChannel {
        WantedChannel {
            channel: channel.to_string(),
            secret: SecretString::from(self.channel_secret(channel)),
            address: hook(base, subject.connection.provider.as_str(), channel),
            lives: LIVES,
            now: self.clock.now(),
        }
    }

    /// Has a channel live on; `false` where the provider only opens new ones, or this one is gone.
    async fn renew_channel(
        &self,
        channels: &dyn Channels,
        subject: &Subject,
        base: &Url,
        row: &ChannelRow,
    ) -> Result<bool, SyncError> {
        let (Some(resource), Some(expires_at)) = (row.resource.clone(), row.expires_at) else {
            return Ok(false);
        };
        let (tenant, channel) = (&row.tenant_id, &row.channel_id);
        let open = OpenChannel { resource, expires_at };
        let renewed = channels.renew(&open, &self.wanted(subject, base, channel)).await;
        let now = self.clock.now();
        match renewed {
            Ok(Some(renewed)) => {
                let renew_at = renewal(now, renewed.expires_at, self.ears.share());
                let mut tx = self.store.begin().await?;
                let ends = (renewed.expires_at, renew_at);
                tx.channels().renewed(tenant, channel, ends).await?;
                tx.commit().await?;
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if error.kind == Kind::Gone => {
                // What has changed since it ended nobody has told.
                let (lane, calendar) = (Lane::Pull.as_str(), row.calendar_id.as_str());
                let mut tx = self.store.begin().await?;
                tx.calendars().lock(&row.calendar_id).await?;
                tx.channels().delete(tenant, channel).await?;
                tx.work().nudge(tenant, lane, calendar, None, now).await?;
                tx.commit().await?;
                self.ring();
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn open_channel(
        &self,
        channels: &dyn Channels,
        subject: &Subject,
        base: &Url,
    ) -> Result<(), SyncError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar.calendar_id);
        let channel = ChannelId::mint(&*self.clock, &*self.entropy);
        let mut tx = self.store.begin().await?;
        tx.calendars().get(tenant, calendar).await?.ok_or(SyncError::Gone)?;
        tx.channels().insert(tenant, &channel, calendar, self.clock.now()).await?;
        tx.commit().await?;
        let wanted = self.wanted(subject, base, &channel);
        let at = CalendarRef::new(subject.calendar.provider_ref.clone());
        let opened = channels.open(&at, &wanted).await;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // What may have been opened all the same is closed by the next look, or ends by itself.
                match error.effect {
                    connectors::Effect::None => tx.channels().delete(tenant, &channel).await?,
                    connectors::Effect::Unknown => tx.channels().closing(tenant, &channel).await?,
                }
                tx.commit().await?;
                return Err(error.into());
            }
        };
        let renew_at = renewal(now, opened.expires_at, self.ears.share());
        let ends = (opened.expires_at, renew_at);
        tx.calendars().lock(calendar).await?;
        tx.channels().opened(tenant, &channel, &opened.resource, ends).await?;
        let row = tx.calendars().get(tenant, calendar).await?.ok_or(SyncError::Gone)?;
        if row.push == PushState::None {
            let age = row.expected_max_age;
            tx.calendars().set_push(tenant, calendar, PushState::Pending, age, now).await?;
        }
        tx.commit().await?;
        tracing::info!(calendar.id = %calendar, channel.id = %channel, "A provider tells of a calendar's changes.");
        Ok(())
    }

    async fn close_channel(
        &self,
        channels: &dyn Channels,
        row: &ChannelRow,
        is_over: bool,
    ) -> Result<(), SyncError> {
        let mut tx = self.store.begin().await?;
        tx.channels().closing(&row.tenant_id, &row.channel_id).await?;
        tx.commit().await?;
        // Without its resource nobody can close it; it ends by itself.
        if let Some(resource) = row.resource.as_deref().filter(|_| !is_over) {
            channels.close(row.channel_id.as_str(), resource).await?;
        }
        let mut tx = self.store.begin().await?;
        tx.channels().delete(&row.tenant_id, &row.channel_id).await?;
        Ok(tx.commit().await?)
    }

    /// A calendar of whose changes nobody tells now: it is polled.
    async fn not_watched(
        &self,
        work: &WorkRow,
        subject: &Subject,
        error: &connectors::Error,
    ) -> Result<End, StoreError> {
        let (tenant, calendar) = (&subject.tenant, &subject.calendar);
        let now = self.clock.now();
        let mut tx = self.store.glance().await?;
        let rows = tx.channels().of_calendar(tenant, &calendar.calendar_id).await?;
        drop(tx);
        let is_told = rows.iter().any(|row| row.tells_at(now));
        let is_deaf = !is_told && calendar.push != PushState::None;
        let is_refused = consequence(error.kind.remedy(Verb::Pull)) == Consequence::LoginRefused;
        let id = &calendar.calendar_id;
        if is_deaf {
            let age = expected_max_age(calendar.poll_every);
            let mut tx = self.store.begin().await?;
            tx.calendars().lock(id).await?;
            tx.calendars().set_push(tenant, id, PushState::None, age, now).await?;
            tx.commit().await?;
        }
        if is_deaf || is_refused {
            self.look_at(tenant, id).await?;
        }
        let code = error.kind.code();
        tracing::warn!(calendar.id = %calendar.calendar_id, code, %error, "A provider does not tell of a calendar's changes; it is polled.");
        let next = match error.kind {
            Kind::NoPush => after(now, HOPELESS),
            _ if error.kind.remedy(Verb::Pull) == connectors::Remedy::SetAside => {
                after(now, schedule::ADVANCE_EVERY)
            }
            _ => {
                let failures = u32::try_from(work.attempts).unwrap_or(1).max(1);
                schedule::retry(now, failure(&error.kind), failures, LATER, &*self.entropy)
            }
        };
        Ok(End::Again(next, Some(code)))
    }

    /// Closes what a connection has open, once; what cannot be closed ends by itself, and is refused until then.
    pub(super) async fn close_channels(
        &self,
        tenant: &TenantId,
        connection: &ConnectionId,
    ) -> Result<(), StoreError> {
        let rows = self.store.glance().await?.channels().of_connection(tenant, connection).await?;
        let Some(first) = rows.first() else { return Ok(()) };
        let closed = async {
            let subject = self.subject(tenant, &first.calendar_id).await?;
            let way = self.way(&subject, Use::Write).await?;
            let connector = self.connect(&subject.connection, &way)?;
            let live = self.enter_live(&way.pace).await?;
            for row in &rows {
                if let Some(channels) = connector.channels() {
                    self.close_channel(channels, row, false).await?;
                }
            }
            live.leave().await;
            Ok::<_, SyncError>(())
        };
        match closed.await {
            Err(SyncError::Store(error)) => Err(error),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(connection.id = %connection, error, "Channels are left to end by themselves.");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

/// The poll interval of a calendar, by how well it is told of.
pub(super) fn paced(every: Duration, push: Option<PushState>) -> Duration {
    match push {
        Some(PushState::Healthy) if is_back(Bug::PushInsteadOfPolls) => HOPELESS,
        Some(PushState::Healthy) => every.max(PUSHED_POLL),
        _ => every,
    }
}

/// Where notifications of a channel go.
fn hook(base: &Url, provider: &str, channel: &ChannelId) -> Url {
    let mut address = base.clone();
    let path = format!("{}/hooks/{provider}/{channel}", base.path().trim_end_matches('/'));
    address.set_path(&path);
    address
}

/// When a channel is replaced: at 50 to 70 % of its life, so that those that were opened together are not renewed
/// together.
fn renewal(now: Timestamp, expires_at: Timestamp, share: f64) -> Timestamp {
    let life = Duration::try_from(expires_at.duration_since(now)).unwrap_or_default();
    after(now, life.mul_f64(0.5 + 0.2 * share))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{ManualClock, SeededEntropy};

    fn at(milli: i64) -> Timestamp {
        Timestamp::from_millisecond(milli).unwrap()
    }

    fn channel() -> ChannelId {
        ChannelId::mint(&ManualClock::at(Timestamp::UNIX_EPOCH), &SeededEntropy::new(1))
    }

    #[test]
    fn a_flood_makes_one_pull_in_two_seconds_and_none_is_lost() {
        let (ears, channel) = (Ears::default(), channel());
        let mut due = Vec::new();
        for milli in 0..10_000 {
            if let Some(at) = ears.due(&channel, at(milli)) {
                due.push((milli, at.as_millisecond()));
            }
        }
        // The second one may have come while the first pull ran: it gets a pull of its own, after the pause.
        assert_eq!(due[..3], [(0, 0), (1, 2_000), (2_000, 4_000)]);
        assert_eq!(due.len(), 6);
        let covers = |milli: i64| due.iter().any(|(_, at)| *at >= milli && *at <= milli + 4_000);
        assert!((0..10_000).all(covers));
    }

    #[test]
    fn a_clock_that_is_set_back_silences_nobody() {
        let (ears, channel) = (Ears::default(), channel());
        assert_eq!(ears.due(&channel, at(1_000_000)), Some(at(1_000_000)));
        assert_eq!(ears.due(&channel, at(5_000)), Some(at(5_000)));
        assert_eq!(ears.due(&channel, at(5_001)), Some(at(7_000)));
    }

    #[test]
    fn renewals_of_a_hundred_thousand_channels_spread() {
        let ears = Ears::default();
        let (now, week) = (Timestamp::UNIX_EPOCH, at(LIVES.as_millis() as i64));
        let mut minutes: HashMap<i64, u32> = HashMap::new();
        for _ in 0..100_000 {
            let at = renewal(now, week, ears.share());
            let life = at.as_second() as f64 / week.as_second() as f64;
            assert!((0.5..=0.7).contains(&life));
            *minutes.entry(at.as_second() / 60).or_default() += 1;
        }
        let mean = 100_000 / minutes.len() as u32;
        assert!(
            minutes.values().all(|count| *count <= mean * 3 / 2),
            "{mean} {:?}",
            minutes.values().max()
        );
    }

    #[test]
    fn a_hook_lies_below_the_public_address() {
        let channel = channel();
        let address = |base: &str| hook(&base.parse().unwrap(), "google", &channel).to_string();
        assert_eq!(
            address("https://hub.example"),
            format!("https://hub.example/hooks/google/{channel}")
        );
        assert_eq!(
            address("https://x.example/cal/"),
            format!("https://x.example/cal/hooks/google/{channel}")
        );
    }
}
