//! Two tenants in one hub, each with one of everything, linked and read through the real flows.

use std::collections::BTreeMap;

use axum::http::Method;
use calhub::{
    link::LinkRequest,
    model::{ids::TenantId, states::Access},
    store::Engine,
    sync::Login,
};
use serde_json::{Value, json};
use simulators::{AccountSpec, CalendarSpec, World};
use sqlx::AssertSqlSafe;

use crate::{
    api::world::{NOW, TestHub, at},
    support::{
        engines::Bed,
        simulated::{ORIGIN, transport},
        stage::event,
    },
};

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Tenant,
    Key,
    Connection,
    ConnectionExt,
    Calendar,
    Quarantined,
    Resource,
    ResourceExt,
    Feed,
    Job,
    Hold,
    HoldExt,
    Booking,
    BookingExt,
    Conflict,
    /// A row of the outbox.
    Delivery,
    LinkSession,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::Tenant,
        Self::Key,
        Self::Connection,
        Self::ConnectionExt,
        Self::Calendar,
        Self::Quarantined,
        Self::Resource,
        Self::ResourceExt,
        Self::Feed,
        Self::Job,
        Self::Hold,
        Self::HoldExt,
        Self::Booking,
        Self::BookingExt,
        Self::Conflict,
        Self::Delivery,
        Self::LinkSession,
    ];

    /// A well-formed id of this kind that nobody has.
    pub fn absent(self) -> &'static str {
        match self {
            Self::Tenant => "ten_00000000000070000000000000000000",
            Self::Key => "00000000000070000000000000000000",
            Self::Connection => "con_00000000000070000000000000000000",
            Self::Calendar | Self::Quarantined => "cal_00000000000070000000000000000000",
            Self::Resource => "res_00000000000070000000000000000000",
            Self::Feed => "fed_00000000000070000000000000000000",
            Self::LinkSession => "lks_00000000000070000000000000000000",
            Self::Hold => "hld_00000000000070000000000000000000",
            Self::Delivery => {
                "bkg_00000000000070000000000000000000:cal_00000000000070000000000000000000"
            }
            Self::Conflict => "cfl_00000000000070000000000000000000",
            Self::Booking => "bkg_00000000000070000000000000000000",
            Self::ConnectionExt | Self::ResourceExt | Self::HoldExt | Self::BookingExt => {
                "ext:nobody"
            }
            Self::Job => "pull:cal_00000000000070000000000000000000",
        }
    }

    /// Texts that are no id of this kind, and must be treated like one that nobody has.
    pub fn malformed(self) -> &'static [&'static str] {
        match self {
            Self::ConnectionExt | Self::ResourceExt | Self::HoldExt | Self::BookingExt => {
                &["ext:", "ext:%00"]
            }
            _ => &["x", "cal_%27%20or%201%3D1", "con_x%2F..%2F"],
        }
    }
}

/// One tenant's objects.
pub struct Side {
    pub tenant: TenantId,
    /// `Authorization` of an admin key.
    pub admin: String,
    pub ids: BTreeMap<Kind, String>,
    /// The end of the change log after its last entry.
    pub cursor: String,
    /// What stands in everything it has that is a free text.
    pub canary: &'static str,
    /// The path of its secret feed.
    pub feed: String,
    pub idempotency_key: String,
}

impl Side {
    pub fn id(&self, kind: Kind) -> &str {
        &self.ids[&kind]
    }
}

pub struct Pair {
    pub hub: TestHub,
    pub world: World,
    pub ours: Side,
    pub theirs: Side,
    pub url: String,
    pub engine: Engine,
}

impl Pair {
    pub async fn new(bed: &Bed) -> Self {
        let world = World::new(at(NOW));
        let limits =
            [("CALHUB_HTTP_REQUESTS_PER_MINUTE", "0"), ("CALHUB_HTTP_REFRESHES_PER_MINUTE", "0")];
        let hub = TestHub::over(bed.store.clone(), transport(&world), &limits).await;
        let ours = hub.key(&["admin"]).await;
        let (other, theirs) = hub.other_tenant().await;
        let ours = Box::pin(furnish(&hub, &world, hub.tenant.clone(), ours, "canaryours")).await;
        let theirs = Box::pin(furnish(&hub, &world, other, theirs, "canarytheirs")).await;
        Self { hub, world, ours, theirs, url: bed.url.clone(), engine: bed.engine }
    }

    /// Every row of a tenant, as text.
    pub async fn rows_of(&self, tenant: &TenantId) -> Vec<String> {
        let all = dump(&self.url, self.engine).await;
        all.into_iter().filter(|row| row.contains(tenant.as_str())).collect()
    }
}

/// Every row of every table as one text each; bytes as hexadecimal digits.
pub async fn dump(url: &str, engine: Engine) -> Vec<String> {
    let mut all = match engine {
        Engine::Sqlite => dump_sqlite(url).await,
        Engine::Postgres => dump_postgres(url).await,
    };
    all.sort();
    all
}

async fn dump_sqlite(url: &str) -> Vec<String> {
    let pool = sqlx::SqlitePool::connect(url).await.unwrap();
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    let mut all = Vec::new();
    for table in tables {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&pool).await.unwrap();
        let cell = |column: &String| {
            format!(
                "'{column}=' || COALESCE(CASE typeof({column}) WHEN 'blob' THEN lower(hex({column})) \
                 ELSE CAST({column} AS TEXT) END, 'NULL')"
            )
        };
        let cells: Vec<_> = columns.iter().map(cell).collect();
        let sql = format!("SELECT '{table} ' || {} FROM {table}", cells.join(" || ' ' || "));
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
        all.extend(rows);
    }
    pool.close().await;
    all
}

async fn dump_postgres(url: &str) -> Vec<String> {
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    let tables = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&pool).await.unwrap();
    let mut all = Vec::new();
    for table in tables {
        let sql = format!("SELECT '{table} ' || CAST(row_to_json(t) AS TEXT) FROM {table} AS t");
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&pool).await.unwrap();
        all.extend(rows);
    }
    pool.close().await;
    all
}

async fn furnish(
    hub: &TestHub,
    world: &World,
    tenant: TenantId,
    admin: String,
    canary: &'static str,
) -> Side {
    let ask = async |method: Method, path: &str, body: Value, more: &[(&str, &str)]| {
        let mut headers = vec![("authorization", admin.as_str()), ("if-match", "*")];
        headers.extend(more);
        hub.call(method, path, Some(body), &headers).await
    };
    let account = world.add_account(AccountSpec::new(canary, "right"));
    for name in ["work", "home"] {
        let calendar = account.add_calendar(CalendarSpec::new(&format!("{canary}-{name}")));
        let lines =
            format!("DTSTART:20260303T090000Z\nDTEND:20260303T100000Z\nSUMMARY:{canary} title");
        calendar.put("one.ics", event(&format!("{canary}-{name}-uid"), &lines));
    }
    let login = Login::Caldav {
        url: format!("{ORIGIN}{}", account.path()),
        username: canary.to_owned(),
        password: "right".to_owned().into(),
    };
    let asked = LinkRequest {
        login,
        access: Some(Access::ReadWrite),
        external_id: Some(format!("{canary}-connection")),
        metadata: Some(json!({"note": canary})),
    };
    let connection = hub.hub.linker.link(&tenant, asked).await.unwrap().connection_id;
    hub.hub.engine.step().await.unwrap();
    hub.settle().await;
    let path = format!("/v1/calendars?connection_id={connection}");
    let found = ask(Method::GET, &path, Value::Null, &[]).await.expect(200);
    let calendar_of = |name: &str| {
        let all = found.body["items"].as_array().unwrap();
        let one = all.iter().find(|one| one["name"].as_str().unwrap().ends_with(name)).unwrap();
        one["id"].as_str().unwrap().to_owned()
    };
    let (calendar, quarantined) = (calendar_of("work"), calendar_of("home"));
    let mut tx = hub.hub.store.begin().await.unwrap();
    let kept = json!({"note": canary});
    tx.calendars()
        .set_quarantine(&tenant, &quarantined.parse().unwrap(), Some(&kept), at(NOW))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let idempotency_key = format!("{canary}-idempotency");
    let body = json!({"name": canary, "external_id": format!("{canary}-resource"),
        "calendars": [{"calendar_id": calendar}], "write_to": calendar, "capacity": 9,
        "metadata": {"note": canary}});
    let more = [("idempotency-key", idempotency_key.as_str())];
    let resource = ask(Method::POST, "/v1/resources", body, &more).await.expect(201).id();
    // The same external id in both tenants.
    ask(Method::POST, "/v1/resources", json!({"name": canary, "external_id": "shared"}), &[])
        .await
        .expect(201);
    let promised = promised(hub, &admin, &resource, canary, &idempotency_key).await;
    let work = account.calendar(&format!("{canary}-work")).unwrap();
    let over = "DTSTART:20260305T093000Z\nDTEND:20260305T100000Z\nSUMMARY:Over it";
    work.put("over.ics", event(&format!("{canary}-over-uid"), over));
    ask(Method::POST, "/v1/ops/sync", json!({"calendar_id": calendar}), &[]).await.expect(202);
    for _ in 0..2 {
        hub.hub.engine.step().await.unwrap();
    }
    hub.settle().await;
    let path = format!("/v1/bookings/ext:{canary}-booking");
    let found = ask(Method::GET, &path, Value::Null, &[]).await.expect(200);
    let conflict = found.body["conflicts"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/resources/{resource}/feeds");
    let feed = ask(Method::POST, &path, json!({}), &[]).await.expect(201);
    let address = url::Url::parse(feed.body["url"].as_str().unwrap()).unwrap().path().to_owned();
    let session = json!({"connection_id": connection, "login_hint": canary});
    let session = ask(Method::POST, "/v1/link-sessions", session, &[]).await.expect(201).id();
    let key = json!({"name": canary, "scopes": ["ops"]});
    let key = ask(Method::POST, "/v1/keys", key, &[]).await.expect(201).id();
    let name = json!({"name": canary});
    ask(Method::PATCH, &format!("/v1/tenants/{tenant}"), name, &[]).await.expect(200);
    let log = ask(Method::GET, "/v1/changes", Value::Null, &[]).await.expect(200);
    let delivery = format!("{}:{calendar}", found.body["id"].as_str().unwrap());
    let ids = [
        (Kind::Tenant, tenant.to_string()),
        (Kind::Key, key),
        (Kind::Connection, connection.to_string()),
        (Kind::ConnectionExt, format!("ext:{canary}-connection")),
        (Kind::Job, format!("pull:{calendar}")),
        (Kind::Calendar, calendar),
        (Kind::Quarantined, quarantined),
        (Kind::Resource, resource),
        (Kind::ResourceExt, format!("ext:{canary}-resource")),
        (Kind::Feed, feed.id()),
        (Kind::Conflict, conflict),
        (Kind::Delivery, delivery),
        (Kind::LinkSession, session),
    ];
    Side {
        tenant,
        admin,
        ids: ids.into_iter().chain(promised).collect(),
        cursor: log.body["cursor"].as_str().unwrap().to_owned(),
        canary,
        feed: address,
        idempotency_key,
    }
}

/// A hold, and a booking that stands in the calendar.
async fn promised(
    hub: &TestHub,
    admin: &str,
    resource: &str,
    canary: &str,
    idempotency_key: &str,
) -> [(Kind, String); 4] {
    let ask = async |path: &str, body: Value| {
        let headers = [("authorization", admin), ("idempotency-key", idempotency_key)];
        hub.call(Method::POST, path, Some(body), &headers).await
    };
    let hold = json!({"resources": [resource], "start": "2026-03-04T09:00:00Z",
        "end": "2026-03-04T10:00:00Z", "ttl": "PT1H", "external_id": format!("{canary}-hold"),
        "metadata": {"note": canary}});
    let hold = ask("/v1/holds", hold).await.expect(201).id();
    let booking = json!({"resources": [resource], "start": "2026-03-05T09:00:00Z",
        "end": "2026-03-05T10:00:00Z", "external_id": format!("{canary}-booking"),
        "title": format!("{canary} title"), "location": format!("{canary} location"),
        "attendees": [{"email": format!("{canary}@example.org")}], "metadata": {"note": canary}});
    let booking = ask("/v1/bookings", booking).await.expect(201).id();
    hub.hub.engine.step().await.unwrap();
    hub.settle().await;
    let path = format!("/v1/bookings/{booking}");
    let made = hub.call(Method::GET, &path, None, &[("authorization", admin)]).await.expect(200);
    assert_eq!(made.body["delivery"], "written", "{}", made.text);
    [
        (Kind::Hold, hold),
        (Kind::HoldExt, format!("ext:{canary}-hold")),
        (Kind::Booking, booking),
        (Kind::BookingExt, format!("ext:{canary}-booking")),
    ]
}
