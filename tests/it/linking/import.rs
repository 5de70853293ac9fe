//! Grants that were made elsewhere.

use serde_json::json;

use super::scene::{CLIENT, SCOPES, SECRET, Scene};

#[tokio::test]
async fn an_imported_grant_is_read_like_any_account() {
    let scene = Scene::new().await;
    let connection = scene.import().await;
    scene.step().await;
    let found = scene.hub.get(&format!("/v1/connections/{connection}")).await.expect(200).body;
    assert_eq!(found["provider"], "google");
    assert_eq!(found["account_label"], "ana@example.com");
    assert_eq!(found["state"], "healthy", "{found}");
    assert_eq!(found["access"], "read_write");
    assert_eq!(found["calendars"].as_array().unwrap().len(), 2);
    assert_eq!(found["relink_url"], json!(null));
    // The import asked once for a token, and everything since has used it.
    assert_eq!(scene.token_calls(), 1);
}

#[tokio::test]
async fn the_same_account_is_the_same_connection() {
    let scene = Scene::new().await;
    let first = scene.import().await;
    let token = scene.ana.grant(CLIENT, &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token, "external_id": "doctor"});
    let again = scene.hub.post("/v1/connections", asked).await.expect(200);
    assert_eq!(again.id(), first);
    assert_eq!(again.body["external_id"], "doctor");
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_apart() {
    let scene = Scene::new().await;
    let import = async |body| scene.hub.post("/v1/connections", body).await;
    let google = |token: &str| json!({"provider": "google", "refresh_token": token});
    import(google("1//nothing")).await.problem(422, "unauthorized");
    import(google("")).await.problem(422, "invalid");
    let narrow = scene.ana.grant(CLIENT, &SCOPES[..1]);
    import(google(&narrow)).await.problem(422, "missing_scope");
    let good = scene.ana.grant(CLIENT, &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": good, "client_id": "another"});
    import(asked).await.problem(422, "wrong_client");
    // A wrong secret is the operator's matter, and no account's.
    let own = json!({"client_id": CLIENT, "client_secret": "wrong"});
    let path = "/v1/provider-apps/google";
    scene.hub.call(http::Method::PUT, path, Some(own), &[]).await.expect(200);
    import(google(&good)).await.problem(422, "wrong_client");
}

#[tokio::test]
async fn access_is_what_was_granted_unless_less_is_asked_for() {
    let scene = Scene::new().await;
    let busy = ["https://www.googleapis.com/auth/calendar.events.freebusy", SCOPES[0]];
    let token = scene.ana.grant(CLIENT, &busy);
    let asked = json!({"provider": "google", "refresh_token": token});
    let linked = scene.hub.post("/v1/connections", asked).await.expect(201);
    assert_eq!(linked.body["access"], "busy_only");
    let id = linked.id();
    let path = format!("/v1/connections/{id}");
    scene.hub.patch(&path, json!({"access": "read_write"})).await.problem(422, "missing_scope");
    let wider = scene.ana.grant(CLIENT, &SCOPES);
    let asked = json!({"access": "read_write", "refresh_token": wider});
    let changed = scene.hub.patch(&path, asked).await.expect(200);
    assert_eq!(changed.body["access"], "read_write");
    assert_eq!(changed.id(), id);
}

#[tokio::test]
async fn a_tenant_brings_its_own_client_and_nobody_reads_its_secret() {
    let scene = Scene::new().await;
    let own = simulators::GoogleClientSpec::new("own.apps", "GOCSPX-own");
    scene.world.add_google_client(own);
    let put = json!({"client_id": "own.apps", "client_secret": "GOCSPX-own"});
    let path = "/v1/provider-apps/google";
    let set = scene.hub.call(http::Method::PUT, path, Some(put), &[]).await.expect(200);
    assert!(!set.text.contains("GOCSPX"));
    assert_eq!(set.body["redirect_uri"], super::scene::CALLBACK);
    assert!(!scene.hub.get(path).await.expect(200).text.contains("GOCSPX"));
    let token = scene.ana.grant("own.apps", &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token});
    scene.hub.post("/v1/connections", asked).await.expect(201);
    // A grant to the hub's own client is still good beside it, by its name.
    let bob = simulators::GoogleAccountSpec::new("bob@example.com");
    let token = scene.world.add_google_account(bob).grant(CLIENT, &SCOPES);
    let asked = json!({"provider": "google", "refresh_token": token, "client_id": CLIENT});
    scene.hub.post("/v1/connections", asked).await.expect(201);
    scene.hub.delete(path).await.expect(204);
    scene.hub.get(path).await.problem(404, "not_found");
    assert!(!SECRET.is_empty());
}

#[tokio::test]
async fn many_are_imported_with_a_result_a_row() {
    let scene = Scene::new().await;
    let bob = simulators::GoogleAccountSpec::new("bob@example.com");
    let bob = scene.world.add_google_account(bob);
    let row = |id: &str, token: &str| {
        json!({"provider": "google", "refresh_token": token, "external_id": id}).to_string()
    };
    let (ana, bob) = (scene.ana.grant(CLIENT, &SCOPES), bob.grant(CLIENT, &SCOPES));
    let lines =
        [row("a", &ana), row("b", "1//dead"), String::new(), "{".to_owned(), row("c", &bob)];
    let send = async |query: &str| {
        let request = http::Request::builder()
            .method("POST")
            .uri(format!("/v1/connections/import{query}"))
            .header("authorization", format!("Bearer {}", crate::api::world::KEY))
            .header("content-type", "application/x-ndjson")
            .body(axum::body::Body::from(lines.join("\n")))
            .unwrap();
        let answer = scene.hub.send(request).await.expect(200);
        assert!(!answer.text.contains(&ana) && !answer.text.contains("dead"), "{}", answer.text);
        let rows = answer.text.lines().map(|line| serde_json::from_str(line).unwrap());
        rows.map(|row: serde_json::Value| {
            let code = row["code"].as_str().unwrap_or("-").to_owned();
            format!("{} {} {code}", row["row"], row["status"].as_str().unwrap())
        })
        .collect::<Vec<_>>()
    };
    let tried = send("?dry_run=true").await;
    let expected =
        ["1 would_create -", "2 failed unauthorized", "4 failed invalid_json", "5 would_create -"];
    assert_eq!(tried, expected);
    let none = scene.hub.get("/v1/connections").await.expect(200).body;
    assert_eq!(none["items"], json!([]));
    let done = send("").await;
    assert_eq!(done[0], "1 created -");
    assert_eq!(done[3], "5 created -");
    // Interrupted and sent again, it goes on where it was.
    let again = send("?skip_linked=true").await;
    assert_eq!(again[0], "1 skipped -");
    assert_eq!(again[1], "2 failed unauthorized");
    assert_eq!(send("").await[0], "1 existing -");
}
