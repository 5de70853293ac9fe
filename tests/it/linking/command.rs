//! The commands of linking, as somebody types them: provider apps, and many accounts from a file.

use std::{fs, process::Output};

use serde_json::{Value, json};
use simulators::GoogleClientSpec;

use super::{
    scene::SCOPES,
    site::{CLIENT, Site, site},
};

fn run(site: &Site, args: &[&str]) -> Output {
    let output = site.calhub().args(args).stdin(std::process::Stdio::null()).output().unwrap();
    for secret in ["GOCSPX", "1//"] {
        for text in [&output.stdout, &output.stderr] {
            assert!(!String::from_utf8_lossy(text).contains(secret), "{args:?}");
        }
    }
    output
}

fn out(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn rows(text: &str) -> Vec<String> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let code = row["code"].as_str().unwrap_or("-");
        format!("{} {} {code}", row["row"], row["status"].as_str().unwrap())
    };
    text.lines().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_client_is_set_shown_used_and_removed() {
    let site = site().await;
    site.world.add_google_client(GoogleClientSpec::new("own.apps", "GOCSPX-own"));
    let file = site.hub.dir.path().join("secret.txt");
    fs::write(&file, "GOCSPX-own\n").unwrap();
    let file = file.to_str().unwrap();
    let set =
        ["provider-apps", "set", "google", "--client-id", "own.apps", "--client-secret-file", file];
    let told = out(&run(&site, &set));
    let redirect = format!("{}/oauth/google/callback", site.hub.url);
    assert!(told.contains("own.apps") && told.contains(&redirect), "{told}");
    let shown = out(&run(&site, &["provider-apps", "show", "google", "--json"]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        (&shown["client_id"], &shown["redirect_uri"]),
        (&json!("own.apps"), &json!(redirect))
    );
    // A grant to it is renewed by it: the secret was read without its line end.
    let token = site.account("ana@example.com").grant("own.apps", &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token});
    let (status, made) = site.hub.post("/v1/connections", &asked).await;
    assert_eq!(status, 201, "{made}");
    out(&run(&site, &["provider-apps", "remove", "google"]));
    let gone = run(&site, &["provider-apps", "show", "google"]);
    assert_eq!(gone.status.code(), Some(1));
    let wrong = run(&site, &["provider-apps", "set", "google", "--client-id", "own.apps"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_from_a_file_are_tried_linked_and_gone_on_with() {
    let site = site().await;
    let row = |id: &str, token: &str| {
        json!({"provider": "google", "refresh_token": token, "external_id": id}).to_string()
    };
    // More than one request's worth, with a few rows that fail in different ways.
    let mut lines: Vec<String> = (0..27)
        .map(|n| {
            let account = site.account(&format!("p{n}@example.com"));
            row(&format!("doctor_{n}"), &account.grant(CLIENT, &SCOPES))
        })
        .collect();
    lines.insert(3, row("dead", "1//dead"));
    lines.insert(20, "{".to_owned());
    let narrow = site.account("narrow@example.com").grant(CLIENT, &SCOPES[..1]);
    let narrow = json!({"provider": "google", "refresh_token": narrow, "access": "read_write", "external_id": "narrow"});
    lines.push(narrow.to_string());
    let file = site.hub.dir.path().join("accounts.ndjson");
    fs::write(&file, lines.join("\n")).unwrap();
    let path = file.to_str().unwrap();

    let tried = run(&site, &["connections", "import", path, "--dry-run", "--json"]);
    assert_eq!(tried.status.code(), Some(1), "some rows fail");
    let tried = rows(&String::from_utf8_lossy(&tried.stdout));
    assert_eq!(tried.len(), 30);
    let failed = ["4 failed unauthorized", "21 failed invalid_json", "30 failed missing_scope"];
    let expect = |found: &[String], word: &str| {
        for (at, row) in found.iter().enumerate() {
            let row_number = at + 1;
            match failed.iter().find(|failed| failed.starts_with(&format!("{row_number} "))) {
                Some(failed) => assert_eq!(row, failed),
                None => assert_eq!(*row, format!("{row_number} {word} -")),
            }
        }
    };
    expect(&tried, "would_create");
    let (_, none) = site.hub.get("/v1/connections").await;
    assert_eq!(none["items"], json!([]), "a dry run keeps nothing");

    let done = run(&site, &["connections", "import", path, "--json"]);
    expect(&rows(&String::from_utf8_lossy(&done.stdout)), "created");
    // Sent again it goes on where it was; nothing is asked of who is linked already.
    let before = super::scene::token_calls(&site.world);
    let again = run(&site, &["connections", "import", path, "--json"]);
    expect(&rows(&String::from_utf8_lossy(&again.stdout)), "skipped");
    assert!(super::scene::token_calls(&site.world) - before <= 2 + 27, "tokens of those that sync");
    let person = run(&site, &["connections", "import", path]);
    let text = String::from_utf8_lossy(&person.stdout).into_owned();
    assert!(text.contains("1: skipped  doctor_0"), "{text}");
    let said = String::from_utf8_lossy(&person.stderr).into_owned();
    assert!(said.contains("3 rows failed"), "{said}");
    let listed = out(&run(&site, &["connections", "list", "--provider", "google", "--json"]));
    assert_eq!(listed.matches("doctor_").count(), 27, "{listed}");
}
