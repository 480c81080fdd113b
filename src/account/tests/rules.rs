//! The rules of a site on their way from its owner to collecting.

use super::*;
use crate::account::RuleChanges;
use crate::model::Rules;

fn properties(names: &[&str]) -> RuleChanges {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    RuleChanges { properties: Some(names), ..RuleChanges::default() }
}

#[tokio::test]
async fn rules_hold_at_once_after_a_restart_and_without_the_database() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    let rules = room.accounts.change_rules("A.example", properties(&["plan"]), NOON).await.unwrap();
    assert_eq!(rules.properties, ["plan"]);
    let known = |sites: &Sites| {
        Arc::clone(&sites.snapshot().unwrap().by_domain("a.example").unwrap().rules)
    };
    let first = known(&room.sites);
    assert_eq!(*first, rules);
    room.sites.refresh().await.unwrap();
    assert!(Arc::ptr_eq(&first, &known(&room.sites)), "the same rules are compiled once");
    let away = Sites::on(Shelf::Memory(Arc::default()), room.data_dir.path());
    assert_eq!(*known(&away), rules, "the cache has them");
}

#[tokio::test]
async fn wrong_rules_and_unknown_sites_are_refused_and_change_nothing() {
    let mut room = room();
    let refuse = |_| Err(("properties", "no".to_owned()));
    room.accounts = Accounts::new(Arc::clone(&room.sites), refuse).unwrap();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    let error = refused(room.accounts.change_rules("a.example", properties(&["x"]), NOON).await);
    assert_eq!((error.field(), error.to_string().as_str()), (Some("properties"), "no"));
    let error = refused(room.accounts.change_rules("b.example", properties(&[]), NOON).await);
    assert!(matches!(error, AccountError::SiteUnknown(_)), "{error}");
    let snapshot = room.sites.snapshot().unwrap();
    assert_eq!(*snapshot.by_domain("a.example").unwrap().rules, Rules::default());
}

#[tokio::test]
async fn a_removed_site_leaves_no_rules_behind() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    let networks = RuleChanges {
        excluded_networks: Some(vec!["203.0.113.9".to_owned()]),
        ..RuleChanges::default()
    };
    room.accounts.change_rules("a.example", networks, NOON).await.unwrap();
    room.accounts.remove_site("a.example", NOON).await.unwrap();
    let rows = room.tables.sites.lock().unwrap();
    let newest = rows.iter().max_by_key(|row| row.version).unwrap();
    assert_eq!((newest.removed, newest.rules.as_str()), (1, ""));
}

/// Rules as a later version might write them.
const UNREADABLE: &str = r#"{"path_rules": 7}"#;

fn make_unreadable(room: &Room) {
    let mut rows = room.tables.sites.lock().unwrap();
    for row in rows.iter_mut() {
        (row.rules, row.threshold) = (UNREADABLE.to_owned(), 9);
    }
}

#[tokio::test]
async fn a_site_keeps_its_last_readable_rules_and_is_left_out_without_any() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    let rules = room.accounts.change_rules("a.example", properties(&["plan"]), NOON).await.unwrap();
    make_unreadable(&room);
    room.sites.refresh().await.unwrap();
    room.sites.refresh().await.unwrap();
    let snapshot = room.sites.snapshot().unwrap();
    let site = snapshot.by_domain("a.example").expect("collected for as before");
    assert_eq!((&*site.rules, site.threshold), (&rules, Some(9)), "the rest of the row is new");
    let other = tempfile::tempdir().unwrap();
    let fresh = Sites::on(Shelf::Memory(Arc::clone(&room.tables)), other.path());
    fresh.refresh().await.unwrap();
    assert!(fresh.snapshot().unwrap().by_domain("a.example").is_none(), "no rules are known");
}

#[tokio::test]
async fn rules_that_cannot_be_read_are_not_replaced() {
    let room = room();
    room.accounts.add_site("a.example", "UTC", NOON).await.unwrap();
    make_unreadable(&room);
    let error = refused(room.accounts.change_rules("a.example", properties(&["x"]), NOON).await);
    assert!(matches!(error, AccountError::RulesUnreadable(_)), "{error}");
    assert!(error.to_string().contains("later version; nothing was changed"), "{error}");
    let rows = room.tables.sites.lock().unwrap();
    assert!(rows.iter().all(|row| row.rules == UNREADABLE));
}
