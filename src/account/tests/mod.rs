//! Settings as people use them, on rows in memory.

pub(super) mod memory;
mod rules;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::account::admin::{AdminCommand, AdminReply, execute};
use crate::account::logins::LOGIN_SECONDS;
use crate::account::shelf::Shelf;
use crate::account::sites::Sites;
use crate::account::tests::memory::Tables;
use crate::account::{Account, AccountError, Accounts, KeyRequest, Scope};
use crate::store::{Retention, Selection};

/// 2026-11-21 12:00:00 UTC.
const NOON: u32 = 1_795_262_400;
const GOOD: &str = "correct horse battery";

struct Room {
    tables: Arc<Tables>,
    sites: Arc<Sites>,
    accounts: Accounts,
    data_dir: tempfile::TempDir,
}

fn room() -> Room {
    let tables = Arc::new(Tables::default());
    let data_dir = tempfile::tempdir().unwrap();
    let sites = Arc::new(Sites::on(Shelf::Memory(Arc::clone(&tables)), data_dir.path()));
    let accounts = Accounts::new(Arc::clone(&sites), Ok).unwrap();
    Room { tables, sites, accounts, data_dir }
}

fn request(scope: Scope, sites: Option<&[&str]>) -> KeyRequest {
    let sites = sites.map(|sites| sites.iter().map(|site| (*site).to_owned()).collect());
    KeyRequest { scope, sites, name: "script".to_owned(), expires: None }
}

/// The error of a result whose value has no `Debug`.
fn refused<T>(result: Result<T, AccountError>) -> AccountError {
    result.err().expect("refused")
}

#[tokio::test]
async fn a_site_is_known_as_soon_as_it_is_added_and_not_twice() {
    let room = room();
    assert!(room.sites.snapshot().is_none(), "nothing was loaded yet");
    let added = room.accounts.add_site("Example.com", "europe/berlin", NOON).await.unwrap();
    assert_eq!(added, "example.com");
    let snapshot = room.sites.snapshot().unwrap();
    let site = snapshot.by_domain("www.example.com").unwrap();
    assert_eq!((site.id.0, site.timezone.as_str(), site.threshold), (1, "Europe/Berlin", None));
    assert_eq!(snapshot.by_id(site.id).unwrap().domain, "example.com");
    assert!(snapshot.by_domain("other.example").is_none());
    let error = refused(room.accounts.add_site("example.com", "UTC", NOON).await);
    assert!(matches!(error, AccountError::SiteExists(_)), "{error}");
}

#[tokio::test]
async fn numbers_are_never_given_again_and_rows_go_with_the_site() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    room.accounts.add_site("b.example", "UTC", NOON).await.unwrap();
    room.accounts.remove_site("b.example", NOON).await.unwrap();
    assert!(room.sites.snapshot().unwrap().by_domain("b.example").is_none());
    assert_eq!(*room.tables.deleted.lock().unwrap(), [2]);
    room.accounts.add_site("b.example", "UTC", NOON).await.unwrap();
    assert_eq!(room.sites.snapshot().unwrap().by_domain("b.example").unwrap().id.0, 3);
    for (after, times) in [(59, 1), (60, 2), (61, 2), (3600, 3), (7200, 3)] {
        room.accounts.finish_removals(NOON + after).await.unwrap();
        assert_eq!(room.tables.deleted.lock().unwrap().len(), times, "{after} s after");
    }
}

#[tokio::test]
async fn the_cache_carries_a_start_without_the_database() {
    let room = room();
    room.accounts.add_site("example.com", "UTC", NOON).await.unwrap();
    let send = room.accounts.create_key(&request(Scope::Send, None), NOON).await.unwrap();
    let admin = room.accounts.create_key(&request(Scope::Admin, None), NOON).await.unwrap();
    room.tables.down.store(true, Ordering::Relaxed);
    let again = Sites::on(Shelf::Memory(Arc::clone(&room.tables)), room.data_dir.path());
    assert!(again.refresh().await.is_err());
    let snapshot = again.snapshot().expect("from the cache");
    assert!(snapshot.by_domain("example.com").is_some());
    assert!(snapshot.send_key(&send, NOON).is_some());
    assert!(snapshot.send_key(&admin, NOON).is_none(), "admin keys are not in the cache");
    let path = room.data_dir.path().join("cache/settings.json");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&send) && !text.contains(send.strip_prefix("hc_send_").unwrap()));
    std::fs::write(&path, &text.as_bytes()[..text.len() / 2]).unwrap();
    let broken = Sites::on(Shelf::Memory(Arc::clone(&room.tables)), room.data_dir.path());
    assert!(broken.snapshot().is_none());
}

#[tokio::test]
async fn an_empty_list_is_a_list() {
    let room = room();
    room.sites.refresh().await.unwrap();
    assert!(room.sites.snapshot().unwrap().sites().is_empty());
}

#[tokio::test]
async fn a_key_does_what_its_scope_says_for_its_sites_until_it_is_revoked() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    room.accounts.add_site("b.example", "UTC", NOON).await.unwrap();
    let asked = request(Scope::Read, Some(&["A.example"]));
    let read = room.accounts.create_key(&asked, NOON).await.unwrap();
    assert!(read.starts_with("hc_read_") && read.len() == "hc_read_".len() + 43, "{read}");
    let snapshot = room.sites.snapshot().unwrap();
    let key = snapshot.read_key(&read, NOON).unwrap();
    let ids: Vec<bool> = snapshot.sites().iter().map(|site| key.covers(site.id)).collect();
    assert_eq!(ids, [true, false]);
    assert!(snapshot.send_key(&read, NOON).is_none());
    assert!(snapshot.send_key(&read.replace("read", "send"), NOON).is_none());
    assert!(snapshot.read_key(&format!("{read}x"), NOON).is_none());
    let admin = room.accounts.create_key(&request(Scope::Admin, None), NOON).await.unwrap();
    let snapshot = room.sites.snapshot().unwrap();
    assert!(snapshot.read_key(&admin, NOON).is_some_and(|key| key.sites.is_none()));
    room.accounts.revoke_key(1, NOON).await.unwrap();
    assert!(room.sites.snapshot().unwrap().read_key(&read, NOON).is_none());
    let error = refused(room.accounts.revoke_key(1, NOON).await);
    assert!(matches!(error, AccountError::KeyUnknown(1)), "{error}");
    let stored = format!("{:?}", room.tables.all_keys());
    assert!(!stored.contains(read.strip_prefix("hc_read_").unwrap()), "only the hash is stored");
}

#[tokio::test]
async fn a_key_holds_through_its_last_day_and_its_use_is_noted() {
    let room = room();
    let expires =
        |day: &str| KeyRequest { expires: Some(day.to_owned()), ..request(Scope::Send, None) };
    let key = room.accounts.create_key(&expires("2026-11-21"), NOON).await.unwrap();
    assert!(room.sites.snapshot().unwrap().send_key(&key, NOON + 43_199).is_some());
    assert!(room.sites.snapshot().unwrap().send_key(&key, NOON + 43_200).is_none());
    for bad in ["2026-11-20", "tomorrow", "2026-13-01"] {
        let error = refused(room.accounts.create_key(&expires(bad), NOON).await);
        assert!(matches!(error, AccountError::KeyRequest(_)), "{error}");
    }
    assert_eq!(room.accounts.keys().await.unwrap()[0].last_used, "never");
    room.sites.refresh().await.unwrap();
    room.accounts.write_last_used(NOON).await.unwrap();
    assert_eq!(room.accounts.keys().await.unwrap()[0].last_used, "2026-11-21");
}

#[tokio::test]
async fn a_login_holds_until_it_ends() {
    let room = room();
    room.accounts.add(" Jo@Example.com", GOOD, "owner", NOON).await.unwrap();
    let login = room.accounts.log_in("jo@example.com", GOOD, 7, NOON).await.ok().unwrap();
    let who = |at: u32| {
        let (accounts, token) = (&room.accounts, login.token.clone());
        async move { accounts.who(&token, at).await.unwrap().map(|account| account.email) }
    };
    assert_eq!(who(NOON).await.as_deref(), Some("jo@example.com"));
    assert_eq!(who(NOON + LOGIN_SECONDS - 1).await.as_deref(), Some("jo@example.com"));
    assert_eq!(who(NOON + LOGIN_SECONDS).await, None);
    assert!(room.accounts.who("x", NOON).await.unwrap().is_none());
    room.accounts.log_out(&login.token).await.unwrap();
    assert_eq!(who(NOON).await, None);
    let stored = format!("{:?}", room.tables.all_logins());
    assert!(!stored.contains(&login.token), "only the hash is stored");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_the_same() {
    let room = room();
    room.accounts.add("jo@example.com", GOOD, "owner", NOON).await.unwrap();
    let wrong =
        refused(room.accounts.verify("jo@example.com", "wrong horse battery", 7, NOON).await);
    let unknown = refused(room.accounts.verify("no@example.com", GOOD, 7, NOON).await);
    let no_address = refused(room.accounts.verify("jo", GOOD, 7, NOON).await);
    assert_eq!(wrong.to_string(), unknown.to_string());
    assert_eq!(wrong.to_string(), no_address.to_string());
}

#[tokio::test]
async fn a_changed_password_ends_logins() {
    let room = room();
    room.accounts.add("jo@example.com", GOOD, "owner", NOON).await.unwrap();
    let login = room.accounts.log_in("jo@example.com", GOOD, 7, NOON).await.ok().unwrap();
    assert!(room.accounts.who(&login.token, NOON).await.unwrap().is_some());
    room.accounts.change_password("jo@example.com", "another good one", NOON).await.unwrap();
    assert!(room.accounts.who(&login.token, NOON).await.unwrap().is_none());
    assert!(room.accounts.verify("jo@example.com", GOOD, 7, NOON).await.is_err());
    assert!(room.accounts.verify("jo@example.com", "another good one", 7, NOON).await.is_ok());
}

#[tokio::test]
async fn accounts_that_cannot_be_are_refused() {
    let room = room();
    let add = |email: &'static str, password: &'static str, role: &'static str| {
        let accounts = &room.accounts;
        async move { refused(accounts.add(email, password, role, NOON).await) }
    };
    assert_eq!(add("jo", GOOD, "owner").await.field(), Some("email"));
    assert_eq!(add("jo@a@b", GOOD, "owner").await.field(), Some("email"));
    assert_eq!(add("jo@example.com", "short", "owner").await.field(), Some("password"));
    assert!(matches!(add("jo@example.com", GOOD, "viewer").await, AccountError::Role));
    room.accounts.add("jo@example.com", GOOD, "owner", NOON).await.unwrap();
    assert!(matches!(add("JO@example.com", GOOD, "owner").await, AccountError::AccountExists));
}

#[tokio::test]
async fn setup_is_for_the_first_account_and_once() {
    let room = room();
    let token = room.accounts.setup_token(NOON).await.unwrap().unwrap();
    let finish = |token: String, email: &'static str, domain: &'static str| {
        let accounts = &room.accounts;
        async move { accounts.finish_setup(&token, email, GOOD, (domain, "UTC"), NOON).await }
    };
    assert!(room.accounts.setup_holds(&token, NOON));
    let error = refused(finish(token.clone(), "jo@example.com", "https://a.example").await);
    assert_eq!(error.field(), Some("domain"));
    assert!(room.accounts.setup_holds(&token, NOON), "a mistake does not use it up");
    let account: Account = finish(token.clone(), "jo@example.com", "a.example").await.ok().unwrap();
    assert_eq!(account.id, 1);
    assert!(room.sites.snapshot().unwrap().by_domain("a.example").is_some());
    let again = refused(finish(token.clone(), "eve@example.com", "b.example").await);
    assert!(matches!(again, AccountError::SetupToken));
    assert!(!room.accounts.setup_holds(&token, NOON));
    assert!(room.accounts.setup_token(NOON).await.unwrap().is_none());
}

#[tokio::test]
async fn an_account_of_the_command_line_ends_the_setup_link() {
    let room = room();
    let token = room.accounts.setup_token(NOON).await.unwrap().unwrap();
    room.accounts.add("jo@example.com", GOOD, "owner", NOON).await.unwrap();
    assert!(!room.accounts.setup_holds(&token, NOON));
}

#[tokio::test]
async fn the_demo_site_is_made_once() {
    let room = room();
    room.accounts.ensure_demo(NOON).await.unwrap();
    room.accounts.ensure_demo(NOON).await.unwrap();
    let snapshot = room.sites.snapshot().unwrap();
    assert_eq!(snapshot.sites().len(), 1);
    let site = snapshot.by_domain("demo.example").unwrap();
    assert!(site.admits("localhost") && site.admits("::1") && !site.admits("demo.example"));
    assert_eq!(site.threshold, Some(1));
}

#[tokio::test]
async fn commands_print_lines_and_json() {
    let room = room();
    let run = |json: &str| {
        let command: AdminCommand = serde_json::from_str(json).unwrap();
        let accounts = &room.accounts;
        async move { execute(command, accounts, NOON).await }
    };
    let lines = |reply: AdminReply| {
        let over_the_socket = serde_json::to_string(&reply).unwrap();
        let again: AdminReply = serde_json::from_str(&over_the_socket).unwrap();
        assert!(again == reply);
        reply.lines()
    };
    let add = r#"{"command":"site_add","domain":"a.example","timezone":"Europe/Berlin"}"#;
    assert_eq!(lines(run(add).await.unwrap()), "a.example\n");
    assert!(refused(run(add).await).to_string().contains("exists already"));
    let list = run(r#"{"command":"site_list"}"#).await.unwrap();
    assert_eq!(
        list.json(),
        "[{\"created\":\"2026-11-21\",\"domain\":\"a.example\",\"retention_months\":null,\"timezone\":\"Europe/Berlin\"}]\n"
    );
    assert_eq!(lines(list), "a.example\tEurope/Berlin\t2026-11-21\n");
    let create = r#"{"command":"key_create","scope":"send","sites":["a.example"],"name":"n","expires":null}"#;
    assert!(lines(run(create).await.unwrap()).starts_with("hc_send_"));
    let keys = run(r#"{"command":"key_list"}"#).await.unwrap();
    assert_eq!(lines(keys), "1\tsend\ta.example\tn\t2026-11-21\tnever\n");
    assert_eq!(lines(run(r#"{"command":"key_revoke","id":1}"#).await.unwrap()), "1\n");
    let remove = r#"{"command":"site_remove","domain":"a.example","yes":false}"#;
    assert!(matches!(refused(run(remove).await), AccountError::NotConfirmed(_)));
    let retention = r#"{"command":"site_retention","domain":"a.example","months":2}"#;
    assert_eq!(lines(run(retention).await.unwrap()), "a.example\t2\n");
    let erase = r#"{"command":"erase","domain":"a.example","from":"2026-11-01","to":"2026-11-02","yes":false}"#;
    let refusal = refused(run(erase).await).to_string();
    assert!(refusal.contains("3 rows of open_events") && !refusal.contains("totals"), "{refusal}");
    let erased = run(&erase.replace("false", "true")).await.unwrap();
    assert_eq!(lines(erased), "hits\t5\nopen_events\t3\ntotals\t0\n");
    let removed = run(&remove.replace("false", "true")).await.unwrap();
    assert!(removed.words().is_some());
    assert_eq!(lines(run(r#"{"command":"site_list"}"#).await.unwrap()), "");
}

#[tokio::test]
async fn a_database_that_is_down_is_said_and_changes_nothing() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    room.tables.down.store(true, Ordering::Relaxed);
    let error = refused(room.accounts.add_site("b.example", "UTC", NOON).await);
    assert!(matches!(error, AccountError::Machine(_)), "{error}");
    assert!(room.sites.snapshot().unwrap().by_domain("a.example").is_some());
}

#[tokio::test]
async fn a_sites_retention_is_at_most_the_installations() {
    let mut room = room();
    room.accounts = room.accounts.keeping(6);
    let accounts = &room.accounts;
    accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    accounts.add_site("b.example", "UTC", NOON).await.unwrap();
    accounts.add_site("c.example", "UTC", NOON).await.unwrap();
    for months in [0, 7, 300] {
        let refused = refused(accounts.set_retention("a.example", Some(months), NOON).await);
        assert!(matches!(refused, AccountError::Retention { most: 6, .. }), "{refused}");
    }
    assert!(
        refused(accounts.set_retention("x.example", None, NOON).await)
            .to_string()
            .contains("no site")
    );
    accounts.set_retention("A.example", Some(6), NOON).await.unwrap();
    accounts.set_retention("b.example", Some(1), NOON).await.unwrap();
    accounts.remove_site("c.example", NOON).await.unwrap();
    let snapshot = room.sites.snapshot().unwrap();
    let months = |name| snapshot.retention_months(snapshot.by_domain(name).unwrap().id);
    assert_eq!((months("a.example"), months("b.example")), (Some(6), Some(1)));
    accounts.set_retention("a.example", None, NOON).await.unwrap();
    accounts.enforce_retention(NOON).await.unwrap();
    let enforced = room.tables.retention.lock().unwrap().clone().unwrap();
    assert_eq!(enforced, Retention { months: 6, sites: vec![(2, 1)], removed: vec![3] });
}

#[tokio::test]
async fn erasing_takes_both_days_of_one_site_and_nothing_without_a_yes() {
    let room = room();
    let accounts = &room.accounts;
    accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    let erase = |from, to, yes| accounts.erase_days("a.example", (from, to), yes, NOON);
    for (from, to) in [("2026-11-02", "2026-11-01"), ("2026-11-1", "2026-11-02"), ("x", "y")] {
        refused(erase(from, to, true).await);
    }
    refused(erase("2026-11-01", "2026-11-02", false).await);
    assert!(room.tables.erased.lock().unwrap().is_empty());
    erase("2026-11-01", "2026-11-01", true).await.unwrap();
    let day = crate::model::Day::parse("2026-11-01");
    let wanted = Selection { sites: Some(vec![1]), from: day, to: day };
    assert_eq!(*room.tables.erased.lock().unwrap(), [wanted]);
}
