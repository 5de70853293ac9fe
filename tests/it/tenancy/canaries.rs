//! Words that must not be found: everything secret or personal bears one of its own, the built hub runs at its
//! most talkative through every kind of failure, and then everything it wrote is searched.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use calhub::store::Engine;
use serde_json::{Value, json};
use simulators::{AccountSpec, Act, CalendarSpec, Fault, FeedSpec, World, serve};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::{
    canaries_google::Recorded,
    pair::dump,
    plain_keys::{grep_bytes, opened},
};
use crate::support::{
    engines::{create_database, drop_database, postgres_server},
    hub::{HubProcess, KEY, calhub, until},
};

const PASSWORD: &str = "kanaripassword-8c1f";
const WRONG: &str = "kanariwrong-77aa";
const FEED_SECRET: &str = "kanarifeedsecret";
/// Allowed where docs/privacy.md says so: the account's label, the calendar's name, the platform's metadata.
const PLANTED: &str = "kanariplanted";

/// One event with a word in each text that is somebody's.
const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:kanariuid@example.org\r\n\
DTSTAMP:20270101T000000Z\r\nDTSTART:20270302T090000Z\r\nDTEND:20270302T100000Z\r\nSUMMARY:kanarititle\r\n\
DESCRIPTION:kanaridescription\r\nLOCATION:kanarilocation\r\nORGANIZER;CN=kanariorganizer:mailto:kanariboss@example.org\r\n\
ATTENDEE;CN=kanariattendee:mailto:kanariguest@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

/// What cannot be read, with words in it.
const BROKEN: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VEVENT\r\nUID:kanaribrokenuid\r\n\
DTSTART:kanaribrokenstart\r\nDTEND:20270302T100000Z\r\nRRULE:FREQ=KANARIRULE;kanarirule=1\r\nSUMMARY:kanaribrokentitle\r\n\
END:VEVENT\r\nkanarigarbage line without colon\r\nBEGIN:VEVENT\r\nUID:kanaribroken2\r\nDTSTART:20270305T090000Z\r\n\
RRULE:FREQ=kanarifreq\r\nSUMMARY:kanaribrokentitle\r\nEND:VEVENT\r\n";

struct Scene {
    hub: HubProcess,
    world: World,
    origin: String,
    log: tempfile::TempDir,
    answers: Vec<(String, String)>,
    google: Recorded,
}

impl Scene {
    async fn new(database_url: Option<&str>) -> Self {
        let world = World::new(jiff::Timestamp::now());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(serve(world.clone(), listener));
        let log = tempfile::tempdir().unwrap();
        let file = File::create(log.path().join("hub.log")).unwrap();
        let google = Recorded::new().await;
        let hub = HubProcess::start_as(database_url, |command| {
            google.settings(command);
            command.env("CALHUB_LOG_FILTER", "trace");
            command.stdout(file.try_clone().unwrap()).stderr(file);
        })
        .await;
        Self { hub, world, origin, log, answers: Vec::new(), google }
    }

    /// Asks the hub and keeps what it answered.
    async fn ask(&mut self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .hub
            .client()
            .request(method.clone(), format!("{}{path}", self.hub.url))
            .header("if-match", "*");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (status, answer) = self.hub.answer(request).await;
        self.answers.push((format!("{method} {path}"), answer.to_string()));
        (status, answer)
    }

    /// Changes something; what answers it is not kept.
    async fn patch(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.hub.client().patch(format!("{}{path}", self.hub.url));
        self.hub.answer(request.header("if-match", "*").json(body)).await
    }

    async fn link_feed(&mut self, address: &str) -> (u16, Value) {
        self.ask("POST", "/v1/connections", Some(json!({"provider": "ics", "url": address}))).await
    }

    /// Pulls everything and waits until every pull has ended, well or badly.
    async fn pull_all(&mut self) {
        self.ask("POST", "/v1/ops/sync", Some(json!({"all": true, "full": true}))).await;
        let hub = &self.hub;
        until("the pulls", || async {
            let (_, jobs) = hub.get("/v1/ops/jobs?lane=pull").await;
            let jobs = jobs["items"].as_array()?.clone();
            jobs.iter()
                .all(|job| job["state"] != "ready" && job["state"] != "running")
                .then_some(())
        })
        .await;
    }
}

/// Answers every request with a redirect that holds a secret.
async fn redirecting() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let answer = "HTTP/1.1 302 Found\r\nLocation: http://10.9.8.7/kanariredirectpath?token=kanariredirectsecret\r\n\
                          WWW-Authenticate: Basic realm=\"kanarirealm\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    origin
}

/// Files that hold one of these words. The search of another program than ours, over raw bytes.
fn grep(words: &[String], places: &[PathBuf]) -> Vec<String> {
    let mut command = Command::new("grep");
    command.args(["-raoFi", "--max-count=3"]);
    for word in words {
        command.args(["-e", word]);
    }
    let found = command.args(places).output().unwrap();
    assert!(found.status.code().is_some_and(|code| code < 2), "{:?}", found.stderr);
    String::from_utf8_lossy(&found.stdout).lines().map(str::to_owned).collect()
}

/// Where a database keeps its bytes, if this process can read them.
async fn bytes_of(database_url: Option<&str>, dir: &Path) -> Vec<PathBuf> {
    let Some(url) = database_url else {
        return std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != "kek"))
            .collect();
    };
    let pool = sqlx::PgPool::connect(url).await.unwrap();
    sqlx::query("CHECKPOINT").execute(&pool).await.ok();
    let home: Result<String, _> =
        sqlx::query_scalar("SELECT current_setting('data_directory')").fetch_one(&pool).await;
    let number: i64 = sqlx::query_scalar(
        "SELECT CAST(oid AS BIGINT) FROM pg_database WHERE datname = current_database()",
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    pool.close().await;
    let Ok(home) = home else { return Vec::new() };
    let places = [format!("{home}/base/{number}"), format!("{home}/pg_wal")];
    places.into_iter().map(PathBuf::from).filter(|path| std::fs::read_dir(path).is_ok()).collect()
}

/// Every word of a booking, each with a canary of its own.
fn spoken(start: &str, end: &str, resource: &str) -> Value {
    json!({"resources": [resource], "start": start, "end": end, "title": "kanaribookedtitle",
        "description": "kanaribookedtext", "location": "kanaribookedplace",
        "join_url": "https://kanaribookedlink.example/", "invite": "none",
        "attendees": [{"email": "kanaribookedguest@example.org", "name": "kanaribookedname"}],
        "metadata": {"note": PLANTED}})
}

/// A booking whose words are told to nobody but to whom it is for: what answers it well is not kept here.
async fn booked(scene: &mut Scene, connection: &str) {
    let (_, found) = scene.hub.get(&format!("/v1/calendars?connection_id={connection}")).await;
    let calendar = found["items"][0]["id"].clone();
    let template = json!({"title": "{title}", "visibility": "default", "description": true});
    let resource = json!({"name": "room", "calendars": [{"calendar_id": calendar}],
        "write_to": calendar, "event_template": template});
    let (status, made) = scene.hub.post("/v1/resources", &resource).await;
    assert_eq!(status, 201, "{made}");
    let resource = made["id"].as_str().unwrap().to_owned();
    let day = (jiff::Timestamp::now() + std::time::Duration::from_hours(72)).strftime("%Y-%m-%d");
    let at = |hour: u8| format!("{day}T{hour:02}:00:00Z");
    let ask = spoken(&at(9), &at(10), &resource);
    let (status, made) = scene.hub.post("/v1/bookings", &ask).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["title"], "kanaribookedtitle");
    let path = format!("/v1/bookings/{}", made["id"].as_str().unwrap());
    let delivered = async |hub: &HubProcess, state: &str| {
        until(state, || async { (hub.get(&path).await.1["delivery"] == state).then_some(()) })
            .await;
    };
    delivered(&scene.hub, "written").await;
    let objects = scene.world.account("anna").unwrap().calendar("work").unwrap().resources();
    let shown = |word: &str| {
        objects.iter().any(|(_, one)| String::from_utf8_lossy(&one.body).contains(word))
    };
    assert!(shown("kanaribookedtitle") && shown("kanaribookedtext"), "the template shows both");
    assert!(!shown("kanaribookedguest"), "nobody is invited unless that was asked");
    // What is wrong with one is told without what was in it.
    scene.ask("POST", "/v1/bookings", Some(ask.clone())).await;
    for (field, wrong) in [
        ("title", json!(["kanaribookedtitle"])),
        ("title", json!("kanaribookedtitle".repeat(99))),
        ("title", json!("kanaribookedtitle\u{7}")),
        ("attendees", json!([{"email": "kanaribookedguest"}])),
        ("attendees", json!("kanaribookedguest")),
        ("invite", json!("kanaribookedinvite")),
        ("time_zone", json!("kanaribookedzone")),
        ("start", json!("kanaribookedstart")),
        ("max_staleness", json!("kanaribookedage")),
        ("resources", json!(["kanaribookedresource"])),
        ("hold_id", json!("kanaribookedhold")),
        ("write_to", json!("kanaribookedcalendar")),
    ] {
        let mut ask = spoken(&at(11), &at(12), &resource);
        ask[field] = wrong;
        let (status, answer) = scene.ask("POST", "/v1/bookings", Some(ask)).await;
        assert!((400..500).contains(&status), "{field}: {answer}");
    }
    // A change whose delivery goes through, and one whose delivery fails with words in the answer.
    let echo = |status| Act::Status {
        status,
        retry_after_s: Some(1),
        body: "kanariecho kanaribookedtitle".to_owned(),
    };
    let (status, _) = scene.patch(&path, &json!({"title": "kanaribookednewtitle"})).await;
    assert_eq!(status, 200);
    delivered(&scene.hub, "written").await;
    scene.world.fault(Fault::new(echo(500)));
    let (status, _) = scene.patch(&path, &json!({"title": "kanaribookedlasttitle"})).await;
    assert_eq!(status, 200);
    until("the failed delivery", || async {
        let (_, one) = scene.hub.get(&path).await;
        one["provider_events"][0]["last_error"].is_string().then_some(())
    })
    .await;
    scene.world.clear_faults();
    let body = json!({"reason": "kanaribookedreason"});
    let (status, ended) = scene.hub.post(&format!("{path}/cancel"), &body).await;
    assert_eq!((status, &ended["reason"]), (200, &json!("kanaribookedreason")), "{ended}");
    let body = json!({"reason": "kanaribookedreason".repeat(99)});
    scene.ask("POST", &format!("{path}/cancel"), Some(body)).await;
    scene.ask("GET", "/v1/changes?limit=500", None).await;
    let (_, one) = scene.hub.get(&path).await;
    scene.answers.push(("the history".to_owned(), one["history"].to_string()));
}

/// Lives through everything, and answers the id of a connection that stays.
async fn live(scene: &mut Scene) {
    let account = scene.world.add_account(AccountSpec::new("anna", PASSWORD));
    let work = account.add_calendar(CalendarSpec::new("work"));
    work.put("one.ics", EVENT);
    let feed = scene.world.add_feed(FeedSpec::new("shop", EVENT));
    let origin = scene.origin.clone();
    let address = format!("{origin}{}?token={FEED_SECRET}", feed.path());
    let caldav = |password: &str| {
        json!({"provider": "caldav", "url": format!("{origin}{}", account.path()), "username": "anna",
            "password": password, "access": "read_write", "metadata": {"note": PLANTED}})
    };
    scene.ask("POST", "/v1/connections", Some(caldav(WRONG))).await;
    let (status, linked) = scene.ask("POST", "/v1/connections", Some(caldav(PASSWORD))).await;
    assert_eq!(status, 201, "{linked}");
    let connection = linked["id"].as_str().unwrap().to_owned();
    let (status, linked) = scene.link_feed(&address).await;
    assert_eq!(status, 201, "{linked}");
    let of_feed = linked["id"].as_str().unwrap().to_owned();
    scene.hub.synced(&connection).await;
    scene.hub.synced(&of_feed).await;
    booked(scene, &connection).await;
    // What cannot be linked: blocked, redirected away, no TLS there, no address at all, no calendar.
    let elsewhere = redirecting().await;
    for bad in [
        format!("http://10.1.2.3/kanariblockedpath?token={FEED_SECRET}"),
        format!("{elsewhere}/kanariredirected?token={FEED_SECRET}"),
        format!(
            "https://{}/kanaritlspath?token={FEED_SECRET}",
            origin.trim_start_matches("http://")
        ),
        format!("http://kanariuser:kanaripass@127.0.0.1:1/{FEED_SECRET}"),
        format!("{FEED_SECRET} is no address"),
        format!("gopher://127.0.0.1/{FEED_SECRET}"),
        format!("{origin}/kanarinothing?token={FEED_SECRET}"),
    ] {
        let (status, answer) = scene.link_feed(&bad).await;
        assert_eq!(status, 422, "{bad}: {answer}");
        let body = json!({"provider": "caldav", "url": bad, "username": "anna", "password": WRONG});
        scene.ask("POST", "/v1/connections", Some(body)).await;
    }
    // What is wrong with a request is told without what was in it.
    for body in [
        json!({"provider": "caldav", "password": 5, "unknown": WRONG, "url": [FEED_SECRET]}),
        json!({"provider": "caldav", "password": {"x": WRONG}}),
        json!({"provider": WRONG, "url": FEED_SECRET}),
        json!([WRONG]),
    ] {
        let (status, _) = scene.ask("POST", "/v1/connections", Some(body)).await;
        assert_eq!(status, 422);
    }
    // Pulls that fail in every way, each answer with words in it.
    let status =
        |status, body: &str| Act::Status { status, retry_after_s: None, body: body.to_owned() };
    let page =
        |body: &str, kind: &str| Act::Body { body: body.to_owned(), content_type: kind.to_owned() };
    for act in [
        status(500, "kanariecho <b>kanariecho2</b>"),
        status(403, "kanariforbidden"),
        status(404, "kanarimissing"),
        status(429, "kanarithrottled"),
        page("<html>kanarilogin page</html>", "text/html"),
        page("<?xml version=\"1.0\"?><kanarixml><unclosed>", "application/xml"),
        page("{\"kanarijson\": 1}", "application/json"),
        page(BROKEN, "text/calendar"),
        Act::TruncateBody { keep: 200 },
        Act::DropBefore,
        status(401, "kanariunauthorized"),
    ] {
        scene.world.fault(Fault::new(act));
        scene.pull_all().await;
        scene.world.clear_faults();
    }
    work.put("broken.ics", BROKEN);
    account.set_password("kanarinewpassword");
    let (status, answer) = scene
        .ask("PATCH", &format!("/v1/connections/{connection}"), Some(json!({"password": WRONG})))
        .await;
    assert_eq!(status, 422, "{answer}");
    let body = Some(json!({"password": "kanarinewpassword"}));
    let (status, answer) = scene.ask("PATCH", &format!("/v1/connections/{connection}"), body).await;
    assert_eq!(status, 200, "{answer}");
    scene.pull_all().await;
    for path in [
        "/v1/connections",
        "/v1/calendars",
        "/v1/changes",
        "/v1/ops/jobs",
        "/v1/ops/quarantine",
        "/v1/ops/unexpandable",
        "/metrics",
        "/openapi.json",
        "/readyz",
        "/v1/keys",
    ] {
        scene.ask("GET", path, None).await;
    }
    for id in [&connection, &of_feed] {
        scene.ask("GET", &format!("/v1/ops/timeline?id={id}"), None).await;
    }
    scene.ask("DELETE", &format!("/v1/connections/{of_feed}"), None).await;
    let hub = &scene.hub;
    until("the removal", || async {
        (hub.get(&format!("/v1/connections/{of_feed}")).await.0 == 404).then_some(())
    })
    .await;
}

/// Every word that nobody may find, and the secrets in the forms in which they travel.
fn words(kek: &str) -> Vec<String> {
    let bytes = BASE64.decode(kek).unwrap();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let basic = |password: &str| BASE64.encode(format!("anna:{password}"));
    let mut words: Vec<String> = vec![
        KEY.rsplit('_').next().unwrap().to_owned(),
        PASSWORD.to_owned(),
        kek.to_owned(),
        hex,
        basic(PASSWORD),
        basic(WRONG),
        basic("kanarinewpassword"),
    ];
    words.extend([EVENT, BROKEN].iter().flat_map(|text| {
        text.split(|letter: char| !letter.is_ascii_alphanumeric())
            .filter(|word| word.to_ascii_lowercase().starts_with("kanari"))
            .map(str::to_owned)
    }));
    let others = [
        WRONG,
        FEED_SECRET,
        "kanarinewpassword",
        "kanariredirect",
        "kanaridirected",
        "kanarirealm",
        "kanariblocked",
        "kanaritls",
        "kanariuser",
        "kanaripass",
        "kanarinothing",
        "kanariecho",
        "kanariforbidden",
        "kanarimissing",
        "kanarithrottled",
        "kanarilogin",
        "kanarixml",
        "kanarijson",
        "kanaribooked",
        "kanariunauthorized",
        "kanarimessage",
        "kanarireason",
        "kanaridescription",
        "kanariuri",
        "kanariword",
        "kanarideadgrant",
    ];
    words.extend(others.map(str::to_owned));
    words.sort();
    words.dedup();
    words
}

async fn searched(database_url: Option<&str>) {
    let mut scene = Scene::new(database_url).await;
    live(&mut scene).await;
    let answers = scene.google.live(&scene.hub).await;
    scene.answers.extend(answers);
    let engine = if database_url.is_some() { Engine::Postgres } else { Engine::Sqlite };
    let file = format!("sqlite:{}", scene.hub.dir.path().join("calhub.db").display());
    let rows = dump(database_url.unwrap_or(&file), engine).await;
    let kek = std::fs::read_to_string(scene.hub.dir.path().join("kek")).unwrap();
    let keys = opened(&rows, &BASE64.decode(kek.trim()).unwrap());
    assert!(keys.len() >= 2, "the tenant's data key and the hash key");
    let mut words = words(kek.trim());
    words.extend(keys.iter().flat_map(|key| key.words()));
    words.extend(scene.google.words());
    let mut hits = Vec::new();
    for (what, answer) in &scene.answers {
        let answer = answer.to_ascii_lowercase();
        let found = words.iter().filter(|word| answer.contains(&word.to_ascii_lowercase()));
        hits.extend(found.map(|word| format!("{word} in the answer to {what}: {answer}")));
    }
    for row in &rows {
        let lower = row.to_ascii_lowercase();
        let found = words.iter().filter(|word| lower.contains(&word.to_ascii_lowercase()));
        hits.extend(found.map(|word| format!("{word} in {row}")));
    }
    let line = std::fs::read(format!("/proc/{}/cmdline", scene.hub.pid())).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).to_ascii_lowercase();
    hits.extend(words.iter().filter(|word| line.contains(word.as_str())).cloned());
    let backup = scene.log.path().join("backup");
    let mut command = calhub(scene.hub.dir.path());
    command.arg("backup").arg(&backup);
    if let Some(url) = database_url {
        command.args(["--database-url", url]);
    }
    assert!(command.output().unwrap().status.success());
    assert!(!grep(&[PLANTED.to_owned()], &[backup]).is_empty(), "the backup cannot be searched");
    // The log and the backup.
    let logs = vec![scene.log.path().to_owned()];
    let bytes = bytes_of(database_url, scene.hub.dir.path()).await;
    hits.extend(grep(&words, &logs));
    hits.extend(grep(&words, &bytes));
    for key in &keys {
        hits.extend(grep_bytes(&key.plain, &logs));
        hits.extend(grep_bytes(&key.plain, &bytes));
    }
    let is_seen = keys.iter().any(|key| !grep_bytes(&key.sealed, &bytes).is_empty());
    assert!(
        bytes.is_empty() || is_seen,
        "the search of keys is blind: not even their seals are found"
    );
    // The search finds what is there: a word that the platform itself gave, and lines of a talkative log.
    let planted = vec![PLANTED.to_owned()];
    assert!(rows.iter().any(|row| row.contains(PLANTED)));
    assert!(bytes.is_empty() || !grep(&planted, &bytes).is_empty(), "the search of bytes is blind");
    assert!(!grep(&["A pull failed".to_owned()], &logs).is_empty(), "the log is silent");
    assert!(grep(&["TRACE".to_owned()], &logs).len() > 2, "the log is not at its most talkative");
    hits.sort();
    hits.dedup();
    assert!(hits.is_empty(), "{} hits:\n{}", hits.len(), hits.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_is_found_on_sqlite() {
    searched(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_or_personal_is_found_on_postgres() {
    let Some(server) = postgres_server() else { return };
    let url = create_database(&server).await;
    searched(Some(&url)).await;
    drop_database(&server, &url).await;
}
