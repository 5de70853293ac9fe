//! The page in a real browser, with nothing but the keyboard, on a desk and on a phone.

use std::collections::BTreeSet;

use serde_json::json;
use simulators::{AccountSpec, CalendarSpec, GoogleAccountSpec, GoogleCalendarSpec};

use super::site::site;
use crate::support::browser::{Browser, ENTER, SPACE, driver};

const SIZES: [(&str, (u32, u32)); 2] = [("desk", (1280, 900)), ("phone", (390, 844))];

/// Keeps a picture of the page, where somebody wants to look at it.
async fn picture(browser: &Browser, name: &str) {
    if let Some(dir) = std::env::var_os("CALHUB_SCREENSHOTS") {
        let path = std::path::Path::new(&dir).join(format!("{name}.png"));
        std::fs::write(path, browser.screenshot().await).unwrap();
    }
}

/// Nothing sticks out of the window, every field has its label, and there is one main heading.
async fn is_well_made(browser: &Browser) {
    let wide = "return document.documentElement.scrollWidth <= window.innerWidth";
    assert_eq!(browser.run(wide).await, json!(true));
    let bare = "return [...document.querySelectorAll('input:not([type=hidden])')]\
        .filter(it => it.labels.length === 0).map(it => it.outerHTML)";
    assert_eq!(browser.run(bare).await, json!([]));
    assert_eq!(browser.run("return document.querySelectorAll('h1').length").await, json!(1));
    assert_eq!(browser.run("return document.scripts.length").await, json!(0));
}

/// Opens a session's address and presses its button.
async fn enter(browser: &Browser, made: &serde_json::Value, page: &str) {
    browser.go(made["url"].as_str().unwrap()).await;
    browser.says("works in this browser only").await;
    is_well_made(browser).await;
    browser.tab_to("it.type === 'submit'").await;
    browser.press(&[ENTER]).await;
    browser.says(page).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_google_account_is_linked_by_keys_alone() {
    let Some(driver) = driver() else { return };
    let site = site().await;
    for (name, size) in SIZES {
        let email = format!("ana.{name}@example.com");
        let ana = site.world.add_google_account(GoogleAccountSpec::new(&email));
        ana.add_calendar(GoogleCalendarSpec::new("work"));
        let room = json!({"name": "Dr. Adler", "external_id": name});
        let (_, resource) = site.hub.post("/v1/resources", &room).await;
        let asked = json!({"mode": "link", "resource_id": resource["id"], "login_hint": email,
            "access": "read_write", "return_url": format!("{}/readyz?from=page", site.hub.url)});
        let (status, made) = site.hub.post("/v1/link-sessions", &asked).await;
        assert_eq!(status, 201, "{made}");
        let browser = Browser::open(&driver, size).await;
        enter(&browser, &made, "What is read and written").await;
        is_well_made(&browser).await;
        picture(&browser, &format!("{name}-1-choose")).await;
        // The secret does not stay in the address.
        assert!(!browser.url().await.contains(made["url"].as_str().unwrap()));

        browser.tab_to("it.textContent.includes('Continue with Google')").await;
        browser.press(&[ENTER]).await;
        browser.says("wants access to your Google Account").await;
        // Denied first: the page says so and offers it again.
        browser.tab_to("it.id === 'deny'").await;
        browser.press(&[ENTER]).await;
        browser.says("You did not agree").await;
        is_well_made(&browser).await;
        picture(&browser, &format!("{name}-2-denied")).await;
        browser.tab_to("it.textContent.includes('Continue with Google')").await;
        browser.press(&[ENTER]).await;
        browser.says("wants access to your Google Account").await;
        browser.tab_to("it.id === 'allow'").await;
        browser.press(&[ENTER]).await;

        browser.says("Your calendar is connected").await;
        is_well_made(&browser).await;
        picture(&browser, &format!("{name}-3-connected")).await;
        browser
            .tab_to("it.name === 'blocks' && it.closest('label').innerText.includes('work')")
            .await;
        browser.press(&[SPACE]).await;
        browser.tab_to("it.name === 'write_to'").await;
        browser.press(&["\u{e013}"]).await;
        browser.tab_to("it.type === 'submit'").await;
        browser.press(&[ENTER]).await;
        browser.says("Your choice is saved.").await;
        picture(&browser, &format!("{name}-4-saved")).await;
        let path = format!("/v1/resources/ext:{name}");
        let (_, found) = site.hub.get(&path).await;
        assert_eq!(found["calendars"].as_array().unwrap().len(), 1, "{found}");
        assert!(found["write_to"].is_string(), "{found}");

        browser.tab_to("it.textContent === 'Done'").await;
        browser.press(&[ENTER]).await;
        browser.says("ready").await;
        let url = browser.url().await;
        assert!(url.contains("from=page&status=linked&session=lks_"), "{url}");
        let known = BTreeSet::from([site.hub.url.clone(), site.simulated.clone()]);
        let origins = browser.origins().await;
        assert!(origins.is_subset(&known) && !origins.is_empty(), "{origins:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caldav_account_is_linked_managed_and_taken_out() {
    let Some(driver) = driver() else { return };
    let site = site().await;
    let account = site.world.add_account(AccountSpec::new("bea", "right"));
    account.add_calendar(CalendarSpec::new("desk"));
    let (_, made) = site.hub.post("/v1/link-sessions", &json!({"mode": "link"})).await;
    let browser = Browser::open(&driver, SIZES[1].1).await;
    enter(&browser, &made, "What is read and written").await;
    let address = format!("{}{}", site.simulated, account.path());
    for (password, says) in [("wrong", "was not accepted"), ("right", "Your calendar is connected")]
    {
        browser.write("#caldav-url", &address).await;
        browser.write("#caldav-user", "bea").await;
        browser.write("#caldav-password", password).await;
        browser.press(&[ENTER]).await;
        browser.says(says).await;
        is_well_made(&browser).await;
    }
    picture(&browser, "phone-5-caldav").await;
    let path = format!("/v1/link-sessions/{}", made["id"].as_str().unwrap());
    let connection = site.hub.get(&path).await.1["connection_id"].as_str().unwrap().to_owned();
    let asked = json!({"mode": "manage", "connection_id": connection});
    let (_, made) = site.hub.post("/v1/link-sessions", &asked).await;
    enter(&browser, &made, "Connected calendars").await;
    is_well_made(&browser).await;
    browser.tab_to("it.tagName === 'SUMMARY' && it.innerText === 'Disconnect'").await;
    browser.press(&[ENTER]).await;
    picture(&browser, "phone-6-manage").await;
    browser.tab_to("it.type === 'submit'").await;
    browser.press(&[ENTER]).await;
    browser.says("The account is being disconnected.").await;
    crate::support::hub::until("the connection to be gone", || async {
        let (status, _) = site.hub.get(&format!("/v1/connections/{connection}")).await;
        (status == 404).then_some(())
    })
    .await;
}
