//! What happens next in a seed: one thing, drawn by chance, that a person, a provider or the world does.

use calhub::audit::By;
use std::time::Duration;

use calhub::{
    drill::Point,
    sync::{Removal, Selector},
};
use jiff::SignedDuration;
use simulators::Content;

use super::{
    actions,
    run::Run,
    truth::{Link, Place},
    wire::Interjection,
};

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

impl Run {
    /// One action, what it sets off, and a pause.
    pub async fn act(&mut self) {
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
        let dues = self.settle().await;
        let pause = actions::pause(&mut self.chance);
        self.pass(pause, dues).await;
    }

    async fn do_one(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Edit => self.edit(),
            Kind::DeleteMany | Kind::Collections | Kind::Fault => self.disturb(kind),
            Kind::Clear => {
                self.world.clear_faults();
                "faults end".to_owned()
            }
            Kind::Expire => self.expire(),
            Kind::Unshare => self.unshare(),
            Kind::Password => self.change_password().await,
            Kind::Jump => self.jump(),
            Kind::Nudge => {
                let full = self.chance.one_in(3);
                self.sync_all(full).await;
                format!("sync all, full {full}")
            }
            Kind::Interject => self.interject().await,
            Kind::Crash => self.crash().await,
            Kind::Restart => {
                let takes_over = self.chance.one_in(2);
                self.hub.restart(takes_over).await;
                "restart".to_owned()
            }
            Kind::Glitch => self.glitch(),
            Kind::Remove => self.remove_or_link_again().await,
        }
    }

    async fn sync_all(&self, full: bool) {
        let (engine, tenant) = (&self.hub.engine, &self.hub.tenant);
        engine.request_sync(&By::hub(), tenant, &Selector::All, full).await.unwrap();
    }

    fn edit_one(&mut self) -> String {
        let mut truth = self.wire.truth.lock().unwrap();
        actions::edit(&mut truth, &self.time, &mut self.chance)
    }

    fn edit(&mut self) -> String {
        let all: Vec<String> = (0..1 + self.chance.below(3)).map(|_| self.edit_one()).collect();
        all.join("; ")
    }

    fn disturb(&mut self, kind: Kind) -> String {
        let mut truth = self.wire.truth.lock().unwrap();
        let chance = &mut self.chance;
        match kind {
            Kind::DeleteMany => actions::delete_many(&mut truth, &self.time, chance),
            Kind::Collections => actions::recollect(&mut truth, &self.time, chance),
            _ => actions::plant(&self.world, &truth, chance),
        }
    }

    fn expire(&self) -> String {
        let truth = self.wire.truth.lock().unwrap();
        for diary in truth.living().iter().map(|n| &truth.diaries[*n]) {
            match &diary.place {
                Place::Collection(calendar) => calendar.expire_cursors(),
                Place::Google(calendar) => calendar.expire_sync_tokens(diary.ever.len() % 2 == 0),
                Place::Feed(_) => {}
            }
        }
        "all cursors expire".to_owned()
    }

    fn unshare(&mut self) -> String {
        let truth = self.wire.truth.lock().unwrap();
        let chance = &mut self.chance;
        let living = truth.living();
        let diary = &truth.diaries[*chance.pick(&living)];
        match &diary.place {
            Place::Collection(calendar) if chance.one_in(2) => {
                calendar.unshare(*chance.pick(&[403, 404, 410]));
            }
            Place::Collection(calendar) => calendar.share_again(),
            Place::Google(calendar) if chance.one_in(2) => calendar.unshare(),
            Place::Google(calendar) => calendar.share_again(),
            Place::Feed(_) => {}
        }
        format!("{} is shared or not", diary.name())
    }

    fn jump(&mut self) -> String {
        let chance = &mut self.chance;
        let seconds = match chance.below(10) {
            0 => chance.within(90_000, 100_000),
            1 | 2 => -chance.within(10, 240),
            3 | 4 => -chance.within(400, 260_000),
            _ => chance.within(60, 10_800),
        };
        let by = SignedDuration::from_secs(seconds);
        self.time.jump(by);
        self.wire.jumped();
        format!("the hub's clock jumps by {by:?}")
    }

    /// Something happens in the middle of the next pulls.
    async fn interject(&mut self) -> String {
        let what =
            *self.chance.pick(&[Interjection::Edit, Interjection::Edit, Interjection::Nudge]);
        let (nth, seed) = (1 + self.chance.below(6), self.chance.number());
        self.wire.interject(nth, what, seed);
        let edit = self.edit_one();
        let full = self.chance.one_in(4);
        self.sync_all(full).await;
        format!("{edit}; {what:?} at request {nth}; sync all")
    }

    async fn crash(&mut self) -> String {
        let (point, nth) = (*self.chance.pick(&POINTS), 1 + self.chance.below(3));
        self.hub.crash_at(point, usize::try_from(nth).unwrap());
        let edit = self.edit_one();
        let full = self.chance.one_in(3);
        self.sync_all(full).await;
        format!("{edit}; crash at {point:?} {nth}; sync all")
    }

    /// A feed shows less than there is, or all again.
    fn glitch(&mut self) -> String {
        let mut truth = self.wire.truth.lock().unwrap();
        let mut diaries = truth.diaries.iter_mut();
        let feed = diaries.find_map(|diary| match &diary.place {
            Place::Feed(feed) => Some((feed.clone(), diary)),
            Place::Collection(_) | Place::Google(_) => None,
        });
        let Some((feed, diary)) = feed else { return "no feed".to_owned() };
        if self.chance.one_in(2) {
            diary.halved = !diary.halved;
            diary.publish(&self.time);
            return format!("{} is halved: {}", feed.name(), diary.halved);
        }
        let is_well = feed.knobs().content == Content::Calendar;
        let content = if is_well { Content::NoEvents } else { Content::Calendar };
        feed.tune(|knobs| knobs.content = content);
        format!("{} shows {content:?}", feed.name())
    }

    async fn remove_or_link_again(&mut self) -> String {
        let wire = self.wire.clone();
        let mut truth = wire.truth.lock().unwrap();
        let linked = |link: &Link| link.connection.is_some();
        let gone = truth.links.iter().position(|link| !linked(link));
        let there = truth.links.iter().rposition(linked);
        match (gone, there) {
            (Some(n), _) if self.chance.one_in(2) => {
                drop(truth);
                self.link(n).await;
                "the person links again".to_owned()
            }
            (_, Some(n)) => {
                let connection = truth.links[n].connection.take().unwrap();
                truth.removed.insert(connection.clone());
                drop(truth);
                let (linker, tenant) = (&self.hub.linker, &self.hub.tenant);
                assert!(linker.remove(tenant, &connection, Removal::PLAIN).await.unwrap());
                format!("{connection} is removed")
            }
            _ => "nothing to remove".to_owned(),
        }
    }
}
