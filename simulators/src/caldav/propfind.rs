//! PROPFIND: which resources a listing shows. What their properties are is in `properties.rs`.

use super::{
    Call, Place, Reply, Target, properties,
    reply::{self, Row},
    xml::{DAV, Element},
};
use crate::{
    spec::{CalendarSpec, Kind},
    state::CalendarState,
};

/// The names of properties asked for; `None` means `allprop`.
pub(super) type Wanted = Option<Vec<Element>>;

pub(super) fn wanted(body: Option<&Element>) -> Wanted {
    let props = body?.child(DAV, "prop")?;
    Some(props.children.iter().map(|prop| Element::new(&prop.ns, &prop.name)).collect())
}

pub(super) fn answer(call: &mut Call<'_>, place: &Place) -> Reply {
    let body = call.request.body().clone();
    let request = Element::parse(&body);
    if !body.is_empty() && request.is_none() {
        return reply::text(400, "The body is not XML.");
    }
    let wanted = wanted(request.as_ref());
    let is_deep = call.header("depth").is_some_and(|depth| depth != "0");
    let rows = match &place.target {
        Target::Nowhere => return reply::status(404),
        Target::Context => vec![properties::context(call, &wanted)],
        Target::Account => account(call, &wanted, is_deep),
        Target::Home(home) => home_rows(call, *home, &wanted, is_deep),
        Target::Collection(name) => match collection_rows(call, name, &wanted, is_deep) {
            Some(rows) => rows,
            None => return reply::status(404),
        },
        Target::Object(calendar, name) => match properties::object(call, calendar, name, &wanted) {
            Some(row) => vec![row],
            None => return reply::status(404),
        },
    };
    reply::multistatus(call, rows, None)
}

fn account(call: &mut Call<'_>, wanted: &Wanted, is_deep: bool) -> Vec<Row> {
    let mut rows = vec![properties::principal(call, wanted)];
    if is_deep {
        rows.push(properties::home(call, 0, wanted));
    }
    rows
}

fn home_rows(call: &mut Call<'_>, home: u8, wanted: &Wanted, is_deep: bool) -> Vec<Row> {
    let profile = call.profile();
    let mut rows = Vec::new();
    if !is_deep || !profile.xml.skips_itself {
        rows.push(properties::home(call, home, wanted));
    }
    if !is_deep {
        return rows;
    }
    let of_home =
        |calendar: &CalendarState| calendar.spec.home == home && calendar.gone != Some(404);
    let names: Vec<String> = call
        .account()
        .map(|account| {
            account.calendars.values().filter(|c| of_home(c)).map(|c| c.spec.name.clone()).collect()
        })
        .unwrap_or_default();
    rows.extend(names.iter().filter_map(|name| properties::collection(call, name, wanted)));
    if home == 0 && profile.discovery.scheduling_boxes {
        let boxes = [
            ("inbox", Kind::Inbox),
            ("outbox", Kind::Outbox),
            ("notifications", Kind::Notifications),
        ];
        for (name, kind) in boxes {
            let spec = CalendarSpec { name: name.into(), kind, ..CalendarSpec::default() };
            rows.push(properties::of_collection(call, &mut CalendarState::new(spec), wanted));
        }
    }
    rows
}

fn collection_rows(
    call: &mut Call<'_>,
    name: &str,
    wanted: &Wanted,
    is_deep: bool,
) -> Option<Vec<Row>> {
    let itself = properties::collection(call, name, wanted)?;
    let profile = call.profile();
    if !is_deep {
        return Some(vec![itself]);
    }
    let mut rows = Vec::new();
    if !profile.xml.skips_itself {
        rows.push(itself);
    }
    let now = call.now;
    let members: Vec<String> = call
        .calendar(name)?
        .listed(profile.sync.lag_s, now)
        .map(|resource| resource.name.clone())
        .collect();
    rows.extend(members.iter().filter_map(|member| properties::object(call, name, member, wanted)));
    Some(rows)
}
