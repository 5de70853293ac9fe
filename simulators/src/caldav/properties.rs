//! The properties of everything that has an address.

use super::{
    Call,
    place::href,
    propfind::Wanted,
    reply::Row,
    xml::{APPLE, CAL, CS, DAV, Element},
};
use crate::{
    profile::{CtagForm, HrefStyle, Multiget, Profile, ScheduleTag, TokenForm},
    spec::{Access, CalendarSpec, Kind, Resource},
    state::{CalendarState, home_segment},
};

/// Sorts the defined properties into the wanted and the missing ones.
fn row(href: String, mut defined: Vec<Element>, wanted: &Wanted) -> Row {
    let Some(names) = wanted else {
        return Row::Properties { href, found: defined, missing: Vec::new() };
    };
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for name in names {
        match defined.iter().position(|property| property.is(&name.ns, &name.name)) {
            Some(at) => found.push(defined.swap_remove(at)),
            None => missing.push(name.clone()),
        }
    }
    Row::Properties { href, found, missing }
}

fn with_href(ns: &str, name: &str, href: String) -> Element {
    Element::new(ns, name).with(Element::new(DAV, "href").with_text(href))
}

impl Call<'_> {
    /// Writes a path of this account as the profile writes hrefs.
    pub(super) fn href(&self, path: &str) -> String {
        href(path, self.profile().xml.href, &self.origin)
    }

    /// As [`Call::href`], on the other origin where the profile keeps calendars there.
    fn far_href(&self, path: &str) -> String {
        match (&self.state.partition, self.profile().discovery.partitioned) {
            (Some(origin), true) => href(path, HrefStyle::Absolute, origin),
            (None, true) => href(path, HrefStyle::Absolute, &self.origin),
            (_, false) => self.href(path),
        }
    }

    fn root(&self) -> String {
        self.account().map(|account| account.root()).unwrap_or_default()
    }

    pub(super) fn home_path(&self, home: u8) -> String {
        format!("{}{}/", self.root(), home_segment(home))
    }

    pub(super) fn collection_path(&self, name: &str) -> String {
        let home = self.calendar(name).map_or(0, |calendar| calendar.spec.home);
        format!("{}{name}/", self.home_path(home))
    }

    fn principal_path(&self) -> String {
        if self.profile().discovery.home_is_principal { self.home_path(0) } else { self.root() }
    }

    fn current_user_principal(&self) -> Option<Element> {
        let path = self.principal_path();
        self.profile()
            .discovery
            .principal
            .then(|| with_href(DAV, "current-user-principal", self.far_href(&path)))
    }
}

pub(super) fn context(call: &Call<'_>, wanted: &Wanted) -> Row {
    let mut defined = vec![Element::new(DAV, "resourcetype").with(Element::new(DAV, "collection"))];
    defined.extend(call.current_user_principal());
    row(call.href(call.request.uri().path()), defined, wanted)
}

fn of_principal(call: &Call<'_>) -> Vec<Element> {
    let discovery = call.profile().discovery;
    let mut defined: Vec<Element> = call.current_user_principal().into_iter().collect();
    if discovery.principal {
        defined.push(with_href(DAV, "principal-URL", call.far_href(&call.principal_path())));
    }
    let homes = (0..discovery.homes).map(|home| call.far_href(&call.home_path(home)));
    let homes: Vec<_> = homes.map(|href| Element::new(DAV, "href").with_text(href)).collect();
    if !homes.is_empty() {
        defined.push(Element::new(CAL, "calendar-home-set").with_all(homes));
    }
    let addresses =
        call.account().map(|account| account.spec.addresses.clone()).unwrap_or_default();
    if !addresses.is_empty() {
        let hrefs =
            addresses.into_iter().map(|address| Element::new(DAV, "href").with_text(address));
        defined.push(Element::new(CAL, "calendar-user-address-set").with_all(hrefs));
    }
    if discovery.scheduling_boxes {
        for (name, segment) in [("schedule-inbox-URL", "inbox"), ("schedule-outbox-URL", "outbox")]
        {
            defined.push(with_href(
                CAL,
                name,
                call.far_href(&format!("{}{segment}/", call.home_path(0))),
            ));
        }
    }
    defined
}

pub(super) fn principal(call: &Call<'_>, wanted: &Wanted) -> Row {
    let mut defined = of_principal(call);
    let kinds = [Element::new(DAV, "collection"), Element::new(DAV, "principal")];
    defined.push(Element::new(DAV, "resourcetype").with_all(kinds));
    defined.push(Element::new(DAV, "displayname").with_text(call.user.clone()));
    row(call.href(&call.root()), defined, wanted)
}

pub(super) fn home(call: &Call<'_>, home: u8, wanted: &Wanted) -> Row {
    let discovery = call.profile().discovery;
    let mut kind = Element::new(DAV, "resourcetype").with(Element::new(DAV, "collection"));
    let mut defined: Vec<Element> = call.current_user_principal().into_iter().collect();
    if home == 0 && discovery.home_is_principal {
        kind = kind.with(Element::new(DAV, "principal"));
        defined = of_principal(call);
    }
    defined.push(kind);
    row(call.href(&call.home_path(home)), defined, wanted)
}

pub(super) fn collection(call: &mut Call<'_>, name: &str, wanted: &Wanted) -> Option<Row> {
    let account = call.state.accounts.get_mut(&call.user)?;
    let mut calendar = account.calendars.remove(name)?;
    let home = calendar.spec.home;
    let path = format!("{}{name}/", call.home_path(home));
    let row = listed(call, &mut calendar, &path, wanted);
    call.state.accounts.get_mut(&call.user)?.calendars.insert(name.to_owned(), calendar);
    Some(row)
}

pub(super) fn of_collection(call: &Call<'_>, calendar: &mut CalendarState, wanted: &Wanted) -> Row {
    let path = format!("{}{}/", call.home_path(calendar.spec.home), calendar.spec.name);
    listed(call, calendar, &path, wanted)
}

fn listed(call: &Call<'_>, calendar: &mut CalendarState, path: &str, wanted: &Wanted) -> Row {
    let profile = call.profile();
    let spec = calendar.spec.clone();
    let mut defined = vec![resource_type(spec.kind)];
    let mut tell = |ns: &str, name: &str, text: Option<String>| {
        defined.extend(text.map(|text| Element::new(ns, name).with_text(text)));
    };
    tell(DAV, "displayname", spec.display_name);
    tell(CAL, "calendar-timezone", spec.timezone);
    tell(CAL, "calendar-timezone-id", spec.timezone_id);
    tell(APPLE, "calendar-color", spec.color);
    tell(CAL, "max-resource-size", profile.write.max_resource_size.map(|size| size.to_string()));
    if spec.kind == Kind::Calendar {
        let upto = calendar.visible(profile.sync.lag_s, call.now);
        tell(DAV, "sync-token", calendar.token(upto, profile.sync.token, call.now));
        tell(CS, "getctag", ctag(calendar, upto, profile.sync.ctag));
        let etag =
            profile.discovery.collection_etag.then(|| format!("\"{}\"", calendar.ctag(upto)));
        tell(DAV, "getetag", etag);
    }
    defined.extend(structured(&calendar.spec, &profile));
    defined.push(with_href(DAV, "owner", call.href(&call.principal_path())));
    defined.extend(call.current_user_principal());
    row(call.href(path), defined, wanted)
}

/// The properties that hold elements.
fn structured(spec: &CalendarSpec, profile: &Profile) -> Vec<Element> {
    let mut defined = Vec::new();
    if let Some(components) = &spec.components {
        let components = components.iter().map(|name| comp(name));
        defined.push(Element::new(CAL, "supported-calendar-component-set").with_all(components));
    }
    if profile.discovery.privileges {
        defined.push(privileges(spec.access));
    }
    if profile.discovery.reports && spec.kind == Kind::Calendar {
        defined.push(reports(profile));
    }
    if spec.transparent {
        let transparent = Element::new(CAL, "transparent");
        defined.push(Element::new(CAL, "schedule-calendar-transp").with(transparent));
    }
    if spec.kind == Kind::Subscribed {
        defined.push(with_href(CS, "source", "https://feeds.example.org/holidays.ics".into()));
    }
    defined
}

fn resource_type(kind: Kind) -> Element {
    let types: &[(&str, &str)] = match kind {
        Kind::Calendar => &[(CAL, "calendar")],
        Kind::Inbox => &[(CAL, "schedule-inbox")],
        Kind::Outbox => &[(CAL, "schedule-outbox")],
        Kind::Subscribed => &[(CS, "subscribed")],
        Kind::Notifications => &[(CS, "notification")],
        Kind::Folder => &[],
    };
    let types = types.iter().map(|(ns, name)| Element::new(ns, name));
    Element::new(DAV, "resourcetype").with(Element::new(DAV, "collection")).with_all(types)
}

fn comp(name: &str) -> Element {
    let mut comp = Element::new(CAL, "comp");
    comp.attributes.push(("name".into(), name.to_owned()));
    comp
}

fn ctag(calendar: &CalendarState, upto: u64, form: CtagForm) -> Option<String> {
    match form {
        CtagForm::None => None,
        CtagForm::Plain => Some(calendar.ctag(upto)),
        CtagForm::Quoted => Some(format!("\"{}\"", calendar.ctag(upto))),
    }
}

fn privileges(access: Access) -> Element {
    let names: &[(&str, &str)] = match access {
        Access::Owner => &[
            (DAV, "all"),
            (DAV, "read"),
            (DAV, "write"),
            (DAV, "write-content"),
            (DAV, "write-properties"),
            (DAV, "bind"),
            (DAV, "unbind"),
            (CAL, "read-free-busy"),
        ],
        Access::ReadOnly => &[(DAV, "read"), (CAL, "read-free-busy")],
        Access::FreeBusyOnly => &[(CAL, "read-free-busy")],
    };
    let one =
        |(ns, name): &(&str, &str)| Element::new(DAV, "privilege").with(Element::new(ns, name));
    Element::new(DAV, "current-user-privilege-set").with_all(names.iter().map(one))
}

fn reports(profile: &Profile) -> Element {
    let mut names = vec![(CAL, "calendar-query")];
    if profile.sync.token != TokenForm::None {
        names.push((DAV, "sync-collection"));
    }
    if profile.query.multiget != Multiget::Absent {
        names.push((CAL, "calendar-multiget"));
    }
    if profile.query.free_busy {
        names.push((CAL, "free-busy-query"));
    }
    let one = |(ns, name)| {
        let report = Element::new(DAV, "report").with(Element::new(ns, name));
        Element::new(DAV, "supported-report").with(report)
    };
    Element::new(DAV, "supported-report-set").with_all(names.into_iter().map(one))
}

pub(super) fn object(call: &Call<'_>, calendar: &str, name: &str, wanted: &Wanted) -> Option<Row> {
    let resource = call.calendar(calendar)?.resources.get(name)?;
    let href = call.href(&format!("{}{name}", call.collection_path(calendar)));
    Some(row(href, of_object(resource, &call.profile(), wanted), wanted))
}

fn of_object(resource: &Resource, profile: &Profile, wanted: &Wanted) -> Vec<Element> {
    let modified = resource.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut defined = vec![
        Element::new(DAV, "resourcetype"),
        Element::new(DAV, "getetag").with_text(resource.etag.clone()),
        Element::new(DAV, "getcontenttype")
            .with_text("text/calendar; charset=utf-8; component=VEVENT"),
        Element::new(DAV, "getcontentlength").with_text(resource.body.len().to_string()),
        Element::new(DAV, "getlastmodified").with_text(modified),
    ];
    if let Some(tag) = schedule_tag(resource, profile.write.schedule_tag) {
        defined.push(Element::new(CAL, "schedule-tag").with_text(tag));
    }
    if wanted.as_ref().is_some_and(|names| names.iter().any(|name| name.is(CAL, "calendar-data"))) {
        let mut body = Element::new(CAL, "calendar-data").with_text(resource.text());
        body.is_body = true;
        defined.push(body);
    }
    defined
}

pub(super) fn schedule_tag(resource: &Resource, form: ScheduleTag) -> Option<String> {
    match form {
        ScheduleTag::None => None,
        ScheduleTag::Opaque => Some(format!("\"st-{}\"", resource.schedule_tag)),
        ScheduleTag::Integer => Some(resource.schedule_tag.to_string()),
    }
}
