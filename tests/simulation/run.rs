//! One seed from its beginning to its end.

use std::time::Duration;

use calhub::{
    drill::{Bug, Point},
    link::LinkRequest,
    sync::{Login, Selector},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use simulators::{
    AccountSpec, CalendarSpec, Content, FeedSpec, Profile, World, profile::LimitPolicy,
};

use super::{
    actions,
    auditor::{Auditor, Step},
    chance::Chance,
    converge,
    events::{Event, ZONES},
    hub::Hub,
    time::Time,
    trace::Trace,
    truth::{Diary, Link, Place, Truth},
    wire::{Interjection, Wire},
};

/// When every seed begins: a Monday, two weeks before some clocks change.
const START: &str = "2027-03-01T08:00:00Z";
/// Steps of one pause, beyond which the hub is said to spin.
const SPINS: usize = 2_000;

/// The dialects that accounts are drawn from.
const PROFILES: [&str; 12] = [
    "generic",
    "sabre",
    "baikal",
    "nextcloud",
    "radicale",
    "xandikos",
    "cyrus",
    "sogo",
    "davmail",
    "stalwart",
    "zimbra",
    "ctag_only",
];

/// Places where a step may crash. Only ever added to: what a seed means hangs on the order.
const POINTS: [Point; 20] = [
    Point::Claimed,
    Point::PullBegun,
    Point::PageRead,
    Point::PageWritten,
    Point::PageStored,
    Point::Judged,
    Point::BatchStored,
    Point::EndWritten,
    Point::EndStored,
    Point::FailureWritten,
    Point::FailureStored,
    Point::RowFinished,
    Point::ListingRead,
    Point::ListingWritten,
    Point::ListingStored,
    Point::ListingFailed,
    Point::AdvanceRead,
    Point::AdvanceWritten,
    Point::EraseWritten,
    Point::EraseStored,
];

/// How one seed ended.
#[derive(Debug)]
pub struct Outcome {
    pub seed: u64,
    pub fingerprint: String,
    /// What was wrong, the first first.
    pub faults: Vec<String>,
    pub trace: Vec<String>,
    pub tally: Tally,
}

/// What a run was made of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub actions: usize,
    pub steps: usize,
    pub requests: usize,
    pub faulted: usize,
    pub crashes: usize,
    pub calendars: usize,
    /// Simulated seconds.
    pub seconds: i64,
    /// Seconds and requests until the slowest calendar was right again.
    pub slowest: i64,
    pub most_requests: usize,
}

pub struct Run {
    pub hub: Hub,
    pub wire: Wire,
    pub world: World,
    pub time: Time,
    pub trace: Trace,
    pub chance: Chance,
    pub auditor: Auditor,
    pub tally: Tally,
    /// Requests of the last phase, when it counts them.
    pub counted: Option<Vec<simulators::Entry>>,
}

/// Runs a seed with these faults put back into the hub.
pub async fn run(seed: u64, bugs: &[Bug]) -> Outcome {
    let time = Time::new(START.parse().unwrap());
    let trace = Trace::default();
    let world = World::with_clock(Box::new(time.clone()), Box::new(time.clone()));
    world.set_seed(seed);
    let wire = Wire::new(world.clone(), time.clone(), trace.clone());
    let hub = Hub::new(&wire, seed, bugs).await;
    let day = 86_400_000_000;
    let begin = time.truth().as_microsecond();
    let auditor = Auditor::new((begin - 5 * day, begin + 45 * day), time.clone(), trace.clone());
    let mut run = Run {
        hub,
        wire,
        world,
        time,
        trace,
        chance: Chance::new(seed),
        auditor,
        tally: Tally::default(),
        counted: None,
    };
    run.settle_in().await;
    let actions = 6 + run.chance.below(9);
    for _ in 0..actions {
        if !run.auditor.faults.is_empty() {
            break;
        }
        run.act().await;
    }
    if run.auditor.faults.is_empty() {
        converge::converge(&mut run).await;
    }
    run.end(seed, begin).await
}

impl Run {
    async fn end(mut self, seed: u64, begin: i64) -> Outcome {
        if self.auditor.faults.is_empty() {
            self.auditor.close(&self.hub).await;
        }
        self.tally.seconds = (self.time.truth().as_microsecond() - begin) / 1_000_000;
        self.tally.calendars = self.wire.truth.lock().unwrap().diaries.len();
        self.hub.close().await;
        *self.wire.truth.lock().unwrap() = Truth::default();
        Outcome {
            seed,
            fingerprint: self.trace.fingerprint(),
            faults: self.auditor.faults,
            trace: self.trace.lines(),
            tally: self.tally,
        }
    }

    /// People with calendars and feeds, all linked and read once.
    async fn settle_in(&mut self) {
        for n in 0..1 + self.chance.below(2) {
            self.add_person(n);
        }
        for n in 0..self.chance.below(3) {
            self.add_feed(n);
        }
        let links = self.wire.truth.lock().unwrap().links.len();
        for link in 0..links {
            self.link(link).await;
        }
        self.time.pass(Duration::from_secs(1));
        self.settle().await;
    }

    fn add_person(&mut self, n: u64) {
        let chance = &mut self.chance;
        let profile = *chance.pick(&PROFILES);
        let spec =
            AccountSpec::new(&format!("p{n}"), "right").profile(Profile::named(profile).unwrap());
        let account = self.world.add_account(spec);
        // Small pages stand for large calendars.
        let page = chance.one_in(3).then(|| usize::try_from(3 + chance.below(4)).unwrap());
        account.tune(|profile| {
            if profile.sync.limit == LimitPolicy::Paged {
                profile.sync.page = page.or(profile.sync.page);
            }
        });
        let mut truth = self.wire.truth.lock().unwrap();
        let link = truth.links.len();
        for _ in 0..1 + chance.below(2) {
            let name = truth.fresh("cal");
            let owner = if chance.one_in(2) { "UTC" } else { *chance.pick(&ZONES) };
            let transparent = chance.one_in(10);
            let timezone_id = Some(owner.to_owned());
            let spec = CalendarSpec { timezone_id, transparent, ..CalendarSpec::new(&name) };
            let place = Place::Collection(account.add_calendar(spec));
            let mut diary = Diary::new(link, place, owner, self.auditor.window);
            diary.transparent = transparent;
            fill(&mut truth, diary, &self.time, chance);
        }
        self.trace.line(format!("# p{n} at {profile}"));
        truth.links.push(Link {
            host: format!("dav{n}.example"),
            account: Some(account),
            password: "right".to_owned(),
            is_out_of_date: false,
            connection: None,
        });
    }

    fn add_feed(&mut self, n: u64) {
        let chance = &mut self.chance;
        let mut truth = self.wire.truth.lock().unwrap();
        let owner = *chance.pick(&ZONES);
        let feed = self.world.add_feed(FeedSpec::new(&format!("feed{n}"), ""));
        let link = truth.links.len();
        let diary = Diary::new(link, Place::Feed(feed), owner, self.auditor.window);
        fill(&mut truth, diary, &self.time, chance);
        self.trace.line(format!("# feed{n}"));
        truth.links.push(Link {
            host: format!("ics{n}.example"),
            account: None,
            password: String::new(),
            is_out_of_date: false,
            connection: None,
        });
    }

    /// Links, or links again with today's password, as the person would.
    pub async fn link(&mut self, n: usize) {
        let (login, host) = {
            let mut truth = self.wire.truth.lock().unwrap();
            let feed = truth.diaries.iter().find(|d| d.link == n).map(Diary::path);
            let link = &mut truth.links[n];
            link.is_out_of_date = false;
            let login = match &link.account {
                Some(account) => Login::Caldav {
                    url: format!("https://{}{}", link.host, account.path()),
                    username: account.user().to_owned(),
                    password: link.password.clone().into(),
                },
                None => {
                    Login::Ics { url: format!("https://{}{}.ics", link.host, feed.unwrap()).into() }
                }
            };
            (login, link.host.clone())
        };
        let asked = LinkRequest { login, access: None, external_id: None, metadata: None };
        self.wire.by_person(true);
        let linked = self.hub.linker.link(&self.hub.tenant, asked).await;
        self.wire.by_person(false);
        let told = match &linked {
            Ok(linked) => format!("{} {}", linked.connection_id, linked.created),
            Err(error) => error.code().to_owned(),
        };
        self.trace.line(format!("@ link {host}: {told}"));
        let mut truth = self.wire.truth.lock().unwrap();
        match linked {
            Ok(linked) => truth.links[n].connection = Some(linked.connection_id),
            Err(_) => truth.links[n].is_out_of_date = true,
        }
    }

    async fn act(&mut self) {
        self.tally.actions += 1;
        self.time.pass(Duration::from_secs(1 + self.chance.below(3)));
        let kind = self.chance.weighed(&[
            (30, Kind::Edit),
            (2, Kind::DeleteMany),
            (4, Kind::Collections),
            (18, Kind::Fault),
            (4, Kind::Clear),
            (3, Kind::Expire),
            (3, Kind::Unshare),
            (3, Kind::Password),
            (3, Kind::Jump),
            (10, Kind::Nudge),
            (12, Kind::Interject),
            (8, Kind::Crash),
            (2, Kind::Restart),
            (3, Kind::Glitch),
            (3, Kind::Remove),
        ]);
        let told = self.do_one(kind).await;
        self.trace.line(format!("@ {} +{} {told}", self.tally.actions, self.time.truth()));
        self.settle().await;
        let pause = actions::pause(&mut self.chance);
        self.pass(pause).await;
    }

    async fn do_one(&mut self, kind: Kind) -> String {
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let (time, chance) = (&self.time, &mut self.chance);
        match kind {
            Kind::Edit => {
                let all: Vec<String> = (0..1 + chance.below(3))
                    .map(|_| actions::edit(&mut truth, time, chance))
                    .collect();
                all.join("; ")
            }
            Kind::DeleteMany => actions::delete_many(&mut truth, time, chance),
            Kind::Collections => actions::recollect(&mut truth, time, chance),
            Kind::Fault => actions::plant(&self.world, &truth, chance),
            Kind::Clear => {
                self.world.clear_faults();
                "faults end".to_owned()
            }
            Kind::Expire => {
                let collections = truth.living();
                for diary in collections.iter().map(|n| &truth.diaries[*n]) {
                    if let Place::Collection(calendar) = &diary.place {
                        calendar.expire_cursors();
                    }
                }
                "all cursors expire".to_owned()
            }
            Kind::Unshare => {
                let living = truth.living();
                let diary = &truth.diaries[*chance.pick(&living)];
                if let Place::Collection(calendar) = &diary.place {
                    if chance.one_in(2) {
                        calendar.unshare(*chance.pick(&[403, 404, 410]));
                    } else {
                        calendar.share_again();
                    }
                }
                format!("{} is shared or not", diary.name())
            }
            Kind::Password => return self.change_password(truth).await,
            Kind::Jump => {
                let seconds = match chance.below(10) {
                    0 => chance.within(90_000, 100_000),
                    1 | 2 => -chance.within(10, 240),
                    3 | 4 => -chance.within(400, 260_000),
                    _ => chance.within(60, 10_800),
                };
                let by = SignedDuration::from_secs(seconds);
                time.jump(by);
                wire.jumped();
                format!("the hub's clock jumps by {by:?}")
            }
            Kind::Nudge => {
                let full = chance.one_in(3);
                drop(truth);
                let (engine, tenant) = (&self.hub.engine, &self.hub.tenant);
                engine.request_sync(tenant, &Selector::All, full).await.unwrap();
                format!("sync all, full {full}")
            }
            Kind::Interject => {
                let what =
                    *chance.pick(&[Interjection::Edit, Interjection::Edit, Interjection::Nudge]);
                let (nth, seed) = (1 + chance.below(6), chance.number());
                wire.interject(nth, what, seed);
                let edit = actions::edit(&mut truth, time, chance);
                drop(truth);
                let (engine, tenant) = (&self.hub.engine, &self.hub.tenant);
                engine.request_sync(tenant, &Selector::All, chance.one_in(4)).await.unwrap();
                format!("{edit}; {what:?} at request {nth}; sync all")
            }
            Kind::Crash => {
                let (point, nth) = (*chance.pick(&POINTS), 1 + chance.below(3));
                self.hub.crash_at(point, usize::try_from(nth).unwrap());
                let edit = actions::edit(&mut truth, time, chance);
                drop(truth);
                let (engine, tenant) = (&self.hub.engine, &self.hub.tenant);
                engine.request_sync(tenant, &Selector::All, chance.one_in(3)).await.unwrap();
                format!("{edit}; crash at {point:?} {nth}; sync all")
            }
            Kind::Glitch => {
                let mut diaries = truth.diaries.iter_mut();
                let feed = diaries.find_map(|diary| match &diary.place {
                    Place::Feed(feed) => Some((feed.clone(), diary)),
                    Place::Collection(_) => None,
                });
                let Some((feed, diary)) = feed else { return "no feed".to_owned() };
                if chance.one_in(2) {
                    diary.halved = !diary.halved;
                    diary.publish(time);
                    return format!("{} is halved: {}", feed.name(), diary.halved);
                }
                let is_well = feed.knobs().content == Content::Calendar;
                let content = if is_well { Content::NoEvents } else { Content::Calendar };
                feed.tune(|knobs| knobs.content = content);
                format!("{} shows {content:?}", feed.name())
            }
            Kind::Remove => {
                let linked = |link: &Link| link.connection.is_some();
                let gone = truth.links.iter().position(|link| !linked(link));
                let there = truth.links.iter().rposition(linked);
                match (gone, there) {
                    (Some(n), _) if chance.one_in(2) => {
                        drop(truth);
                        self.link(n).await;
                        "the person links again".to_owned()
                    }
                    (_, Some(n)) => {
                        let connection = truth.links[n].connection.take().unwrap();
                        truth.removed.insert(connection.clone());
                        drop(truth);
                        let (linker, tenant) = (&self.hub.linker, &self.hub.tenant);
                        assert!(linker.remove(tenant, &connection).await.unwrap());
                        format!("{connection} is removed")
                    }
                    _ => "nothing to remove".to_owned(),
                }
            }
            Kind::Restart => {
                drop(truth);
                let takes_over = chance.one_in(2);
                self.hub.restart(takes_over).await;
                "restart".to_owned()
            }
        }
    }

    async fn change_password(&mut self, truth: std::sync::MutexGuard<'_, Truth>) -> String {
        let which = truth.links.iter().position(|link| link.account.is_some());
        let mut truth = truth;
        let Some(n) = which else { return "nobody has a password".to_owned() };
        let link = &mut truth.links[n];
        if link.is_out_of_date {
            drop(truth);
            self.link(n).await;
            return "the person links again".to_owned();
        }
        link.password = format!("{}x", link.password);
        link.is_out_of_date = true;
        link.account.as_ref().unwrap().set_password(&link.password);
        format!("{} has another password", link.host)
    }

    /// Runs what is due, survives crashes, and has the auditor look.
    pub async fn settle(&mut self) {
        self.tally.steps += 1;
        self.wire.begin_step();
        let mut crashed = false;
        while self.hub.step().await.is_none() {
            self.trace.line("  * crash".to_owned());
            self.tally.crashes += 1;
            crashed = true;
            self.wire.died();
            self.requests();
            let takes_over = self.chance.one_in(2);
            self.hub.restart(takes_over).await;
        }
        self.requests();
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let step = Step { disturbed: crashed || self.wire.has_happened() };
        self.auditor.look(&self.hub, &mut truth, step).await;
        self.auditor.faults.extend(self.wire.take_faults());
    }

    /// Lets time pass as it does for a running hub: whenever something is due, it runs.
    pub async fn pass(&mut self, span: Duration) {
        let end = self.time.truth() + SignedDuration::try_from(span).unwrap();
        for _ in 0..SPINS {
            if !self.auditor.faults.is_empty() {
                return;
            }
            let Some(due) = self.next_due().await.filter(|due| *due <= end) else {
                let left = end.duration_since(self.time.truth());
                self.time.pass(Duration::try_from(left).unwrap_or_default());
                return;
            };
            let wait = due.duration_since(self.time.truth());
            self.time.pass(Duration::try_from(wait).unwrap_or_default());
            self.settle().await;
        }
        self.auditor.faults.push("the hub spins".to_owned());
    }

    /// When something is due next, in true time.
    pub async fn next_due(&self) -> Option<Timestamp> {
        let next = self.hub.due().await.into_iter().map(|(due, _)| due).min();
        // What is due and could not be claimed is looked at again after a second.
        let soon = self.time.truth() + SignedDuration::from_secs(1);
        next.map(|due| (due - self.time.skew()).max(soon))
    }

    /// Writes the requests since the last look into the trace.
    fn requests(&mut self) {
        let entries = self.world.log();
        self.world.clear_log();
        let mut truth = self.wire.truth.lock().unwrap();
        for entry in &entries {
            let report = entry.report.as_deref().unwrap_or("");
            let (path, faults) = (&entry.path, entry.faults.join(","));
            self.trace
                .line(format!("  > {} {path} {report} {:?} {faults}", entry.method, entry.status));
            self.tally.requests += 1;
            self.tally.faulted += usize::from(!entry.faults.is_empty());
            for diary in truth.diaries.iter_mut().filter(|diary| *path == diary.path()) {
                if is_lie(entry, diary) {
                    diary.lied = Some(entry.at);
                }
            }
        }
        if let Some(counted) = &mut self.counted {
            counted.extend(entries);
        }
    }
}

/// Whether an answer leaves out what is there, and looks whole.
fn is_lie(entry: &simulators::Entry, diary: &Diary) -> bool {
    match &diary.place {
        Place::Feed(feed) => {
            let is_well = feed.knobs().content == Content::Calendar && !diary.halved;
            entry.status == Some(200) && !is_well
        }
        Place::Collection(_) => {
            let has = |fault: &str| entry.faults.iter().any(|met| met == fault);
            let is_listing = entry.report.as_deref() == Some("sync-collection");
            let is_short = has("half_rows") || (is_listing && has("empty_rows"));
            entry.status == Some(207) && is_short
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Edit,
    DeleteMany,
    Collections,
    Fault,
    Clear,
    Expire,
    Unshare,
    Password,
    Jump,
    Nudge,
    Interject,
    Crash,
    Restart,
    Glitch,
    Remove,
}

fn fill(truth: &mut Truth, mut diary: Diary, time: &Time, chance: &mut Chance) {
    let today = time.truth().to_zoned(TimeZone::UTC).date();
    for _ in 0..2 + chance.below(9) {
        let uid = truth.fresh("ev");
        let event = Event::any(uid.clone(), today, chance);
        diary.write(&uid, Some(event), time);
    }
    truth.diaries.push(diary);
}
