//! The named CalDAV profiles: the tables of how known servers behave, as values.

use crate::profile::{
    Auth, CtagForm, DeleteReply, DepthZero, EtagForm, HrefStyle, InvalidToken, LimitPolicy,
    Multiget, Prefixes, Profile, PutEtag, Refusal, ScheduleTag, Scheme, Stored, TimeRange,
    TokenForm, UidScope,
};

type Dialect = fn() -> Profile;

/// Every named profile.
const DIALECTS: &[(&str, Dialect)] = &[
    ("generic", generic),
    ("sabre", sabre),
    ("baikal", baikal),
    ("nextcloud", nextcloud),
    ("radicale", radicale),
    ("xandikos", xandikos),
    ("cyrus", cyrus),
    ("icloud", icloud),
    ("sogo", sogo),
    ("davmail", davmail),
    ("stalwart", stalwart),
    ("zimbra", zimbra),
    ("ctag_only", ctag_only),
    ("bare", bare),
];

impl Profile {
    /// Looks up a profile by name; a leading `caldav:` is allowed.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("caldav:").unwrap_or(name);
        DIALECTS.iter().find(|(known, _)| *known == name).map(|(known, make)| {
            let mut profile = make();
            profile.name = (*known).to_owned();
            profile
        })
    }

    /// The names that [`Profile::named`] knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        DIALECTS.iter().map(|(name, _)| *name)
    }

    /// A well-behaved server.
    pub fn generic() -> Self {
        Self { name: "generic".into(), ..generic() }
    }
}

fn generic() -> Profile {
    Profile {
        server: "calhub-simulator".into(),
        dav: "1, 2, 3, access-control, calendar-access, sync-collection".into(),
        ..Profile::default()
    }
}

fn sabre() -> Profile {
    generic().with(|p| {
        p.server = "sabre/dav".into();
        p.dav = "1, 3, extended-mkcol, access-control, calendarserver-principal-property-search, calendar-access, \
                 calendar-proxy, sync-collection"
            .into();
        p.sync.token = TokenForm::Sabre;
        p.sync.ctag = CtagForm::Plain;
        p.sync.repeats_last = true;
        p.sync.limit = LimitPolicy::Paged;
        p.query.depth_zero = DepthZero::Refused;
        p.write.etag = EtagForm::ContentHash;
        p.write.put_etag = PutEtag::IfUnchanged;
        p.write.invalid_body = Refusal::text(415, "Validation error in iCalendar");
        p.discovery.scheduling_boxes = true;
    })
}

fn baikal() -> Profile {
    sabre().with(|p| {
        p.auth = Auth { schemes: vec![Scheme::DigestMd5], nonce_uses: Some(50), ..Auth::default() };
        p.discovery.scheduling_boxes = false;
    })
}

fn nextcloud() -> Profile {
    sabre().with(|p| {
        p.server = "Nextcloud".into();
        p.auth.brute_force_after = Some(10);
        p.auth.schemes = vec![Scheme::Basic, Scheme::Bearer];
        p.sync.limit = LimitPolicy::InitialFails;
        p.sync.repeats_last = false;
        p.sync.remembers = Some(10_000);
        p.write.uid_taken = Refusal::text(
            400,
            "Calendar object with uid already exists in this calendar collection.",
        );
        p.write.trash = Some(Refusal::text(
            400,
            "Deleted calendar object with uid already exists in this calendar.",
        ));
        p.write.extra_etag_header = Some("oc-etag".into());
    })
}

fn radicale() -> Profile {
    generic().with(|p| {
        p.server = "WSGIServer/0.2".into();
        p.dav = "1, 2, 3, calendar-access, addressbook, extended-mkcol".into();
        p.discovery.home_is_principal = true;
        p.xml.prefixes = Prefixes::Default;
        p.xml.href = HrefStyle::At;
        p.xml.token_first = true;
        p.xml.lf = true;
        p.discovery.collection_etag = true;
        p.xml.content_type = "text/xml; charset=utf-8".into();
        p.sync.token = TokenForm::Radicale;
        p.sync.ctag = CtagForm::Quoted;
        p.sync.limit = LimitPolicy::Ignored;
        p.query.multiget = Multiget::MissingFirst;
        p.query.free_busy_type = "text/calendar; charset=utf-8; charset=utf-8".into();
        p.write.etag = EtagForm::ContentHash;
        p.write.stored = Stored::Reserialised;
        p.write.conditional_get = false;
        p.write.precondition_text = "Precondition failed.".into();
        p.write.delete = DeleteReply::Multistatus;
        p.write.invalid_body = Refusal::text(400, "Bad Request");
        p.write.uid_taken = Refusal::told(409, "C:no-uid-conflict");
        p.write.missing_parent = 403;
    })
}

fn xandikos() -> Profile {
    generic().with(|p| {
        p.server = "Python/3 aiohttp".into();
        p.dav = "1, 2, 3, calendar-access, calendar-auto-schedule, addressbook, extended-mkcol, add-member, \
                 sync-collection, quota"
            .into();
        p.discovery.well_known = 302;
        p.xml.prefixes = Prefixes::Numbered;
        p.xml.lf = true;
        p.xml.status_first = true;
        p.discovery.collection_etag = true;
        p.xml.content_type = "text/xml; charset=\"utf-8\"".into();
        p.sync.token = TokenForm::GitHash;
        p.sync.limit = LimitPolicy::Truncated;
        p.sync.invalid = InvalidToken::Refused { status: 412, told: true };
        p.sync.strict_level = true;
        p.query.depth_zero = DepthZero::Empty;
        p.query.unmerged = true;
        p.query.free_busy_type = "application/octet-stream".into();
        p.write.etag = EtagForm::ContentHash;
        p.write.stored = Stored::Reserialised;
        p.write.invalid_body = Refusal::told(412, "C:valid-calendar-data");
        p.write.uid_taken = Refusal::told(412, "C:no-uid-conflict");
        p.write.uid_changed = None;
        p.write.schedule_tag = ScheduleTag::Opaque;
    })
}

fn cyrus() -> Profile {
    generic().with(|p| {
        p.server = "Cyrus IMAP".into();
        p.dav =
            "1, 2, 3, access-control, extended-mkcol, calendar-access, calendar-auto-schedule, \
                 calendar-availability, sync-collection"
                .into();
        p.xml.prefixes = Prefixes::Upper;
        p.sync.token = TokenForm::Cyrus;
        p.sync.ctag = CtagForm::Quoted;
        p.write.uid_scope = UidScope::Account;
        p.write.uid_taken =
            Refusal::told(403, "C:unique-scheduling-object-resource").naming_the_href();
        p.write.uid_changed = Some(Refusal::told(403, "C:no-uid-conflict"));
        p.write.schedule_tag = ScheduleTag::Opaque;
        p.write.schedules = true;
        p.discovery.scheduling_boxes = true;
    })
}

fn icloud() -> Profile {
    generic().with(|p| {
        p.server = "AppleHttpServer/2f080fc0".into();
        p.dav = "1, access-control, calendar-access, calendar-schedule, calendar-auto-schedule, \
                 calendarserver-sharing, sync-collection"
            .into();
        p.discovery.well_known = 501;
        p.discovery.partitioned = true;
        p.discovery.scheduling_boxes = true;
        p.auth.schemes = vec![Scheme::Unusual, Scheme::Basic];
        p.auth.one_header = true;
        p.xml.prefixes = Prefixes::Default;
        p.xml.cdata = true;
        p.sync.token = TokenForm::Opaque;
        p.sync.collection_row = true;
        p.query.time_range = TimeRange::NeedsCompFilter;
        p.write.put_etag = PutEtag::Never;
        p.write.uid_scope = UidScope::Account;
        p.write.uid_taken = Refusal::told(403, "C:unique-scheduling-object-resource");
        p.write.uid_changed = Some(Refusal::told(403, "C:no-uid-conflict"));
        p.write.schedule_tag = ScheduleTag::Opaque;
        p.write.schedules = true;
        p.write.requires_dtend = true;
    })
}

fn sogo() -> Profile {
    generic().with(|p| {
        p.server = "SOGo".into();
        p.dav = "1, 2, access-control, calendar-access, calendar-schedule, calendar-auto-schedule"
            .into();
        p.xml.prefixes = Prefixes::Upper;
        p.xml.lf = true;
        p.sync.token = TokenForm::Seconds;
        p.sync.limit = LimitPolicy::Ignored;
        p.sync.invalid = InvalidToken::Accepted;
        p.query.free_busy = false;
        p.write.honours_if_none_match = false;
        p.write.stored = Stored::Adjusted;
        p.write.uid_taken = Refusal::text(409, "Event UID already in use.");
        p.write.uid_changed = None;
        p.write.schedules = true;
    })
}

fn davmail() -> Profile {
    generic().with(|p| {
        p.server = "DavMail Gateway".into();
        p.dav = "1, calendar-access, calendar-schedule, calendarserver-private-events, addressbook"
            .into();
        p.xml.prefixes = Prefixes::Upper;
        p.xml.href = HrefStyle::LowerHex;
        p.sync.token = TokenForm::None;
        p.query.free_busy = false;
        p.write.honours_if_none_match = false;
        p.write.delete_honours_if_match = false;
        p.write.stored = Stored::Adjusted;
        p.write.renames = true;
        p.write.delete = DeleteReply::Plain;
        p.write.uid_scope = UidScope::None;
        p.write.uid_changed = None;
    })
}

fn stalwart() -> Profile {
    generic().with(|p| {
        p.server = "Stalwart".into();
        p.dav = "1, 2, 3, access-control, extended-mkcol, calendar-access, calendar-auto-schedule, sync-collection"
            .into();
        p.discovery.well_known = 307;
        p.auth.schemes = vec![Scheme::Basic, Scheme::Bearer];
        p.xml.prefixes = Prefixes::Upper;
        p.xml.cdata = true;
        p.sync.token = TokenForm::Stalwart;
        p.sync.page = Some(100);
        p.sync.invalid = InvalidToken::Refused { status: 409, told: true };
        p.query.time_range = TimeRange::LosesAllDaySeries;
        p.write.put_etag = PutEtag::UnlessIdentical;
        p.write.etag = EtagForm::ContentHash;
        p.write.uid_taken = Refusal::told(412, "C:no-uid-conflict");
        p.write.uid_changed = Some(Refusal::told(412, "C:no-uid-conflict"));
        p.write.schedule_tag = ScheduleTag::Integer;
        p.write.schedules = true;
    })
}

fn zimbra() -> Profile {
    generic().with(|p| {
        p.server = "Zimbra".into();
        p.dav =
            "1, 2, 3, access-control, calendar-access, calendar-schedule, calendar-auto-schedule"
                .into();
        p.xml.prefixes = Prefixes::Upper;
        p.sync.invalid = InvalidToken::Refused { status: 500, told: false };
        p.write.uid_scope = UidScope::Moves;
        p.write.uid_changed = None;
    })
}

fn ctag_only() -> Profile {
    generic().with(|p| {
        p.dav = "1, 2, calendar-access".into();
        p.sync.token = TokenForm::None;
        p.sync.ctag = CtagForm::Quoted;
    })
}

fn bare() -> Profile {
    generic().with(|p| {
        p.dav = "1, calendar-access".into();
        p.sync.token = TokenForm::None;
        p.sync.ctag = CtagForm::None;
        p.discovery.principal = false;
        p.discovery.well_known = 404;
        p.discovery.privileges = false;
        p.discovery.reports = false;
        p.xml.missing_told = false;
        p.query.free_busy = false;
    })
}
