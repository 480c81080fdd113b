//! Small groups are withheld, seen from outside: by somebody who has a read key and much patience.
//!
//! Everyone in these crowds is known to the test, so it can say of each answer whether it told
//! something about fewer than `k` people.

use serde_json::{Value, json};

use crate::support::people::{self, Moment, Person, Town};
use crate::support::program::{Options, Program};
use crate::support::report::{Reports, Row};

/// The site of these tests.
const SITE: &str = "site.example";
/// The least number of visitors that is shown when nothing else is said.
const K: u64 = 5;
/// What a row that stands for many is called.
const OTHER: &str = "(other)";
/// One moment: 2093-10-30 12:00 UTC. The clock stands still there, so no midnight gets in between.
const NOON: Moment = (3_907_742_400, "2093-10-30", "2093-10-30 12:00:00");
/// Dimensions of which a person has one value, in the order of how much they tell.
const TELLING: [&str; 6] =
    ["visit:city", "visit:region", "visit:country", "visit:browser", "visit:os", "visit:source"];

/// A program that knows `people`.
struct Told {
    _program: Program,
    reports: Reports,
}

fn tell(options: Options, people: &[Person]) -> Told {
    let options = Options { clock: Some(NOON.0), ..options }.site(SITE, "UTC");
    let program = Program::start(options);
    let everyone: Vec<Person> = people.iter().cloned().map(at_noon).collect();
    people::send(&program, SITE, &everyone, None);
    program.wait_rows(people::events(people));
    let key = program.add_key(SITE, "read");
    let reports = Reports::new(program.client(), SITE, &key);
    Told { _program: program, reports }
}

fn at_noon(mut person: Person) -> Person {
    (person.ts, person.day, person.hour) = NOON;
    person
}

fn query(dimensions: &[&str], filters: &Value) -> Value {
    json!({
        "metrics": ["visitors", "pageviews"],
        "date_range": [NOON.1, NOON.1],
        "dimensions": dimensions,
        "filters": filters,
    })
}

/// Labels and visitors of the rows, and `meta`.
fn list(reports: &mut Reports, query: &Value) -> (Vec<Row>, Value) {
    let answer = reports.ask(query.clone());
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    (reports.rows(query), answer.json()["meta"].clone())
}

fn named(rows: &[Row]) -> Vec<(String, u64)> {
    let visitors = |row: &Row| row.1[0].as_u64().expect("a number of visitors");
    rows.iter().map(|row| (row.0.join(" + "), visitors(row))).collect()
}

fn pair(label: &str, visitors: u64) -> (String, u64) {
    (label.to_owned(), visitors)
}

/// `count` people of a town, beginning with the one of that number.
fn of(town: &Town, from: usize, count: usize, page: &'static str) -> Vec<Person> {
    (from..from + count).map(|number| Person::of(town, number, page)).collect()
}

#[test]
fn a_set_of_four_visitors_gets_its_totals_and_no_list_at_all() {
    let towns = people::towns();
    let few = of(&towns[0], 0, 4, "/few").into_iter();
    let five = of(&towns[0], 10, 5, "/five").into_iter();
    let many = of(&towns[0], 20, 20, "/many").into_iter();
    let mut told = tell(Options::behind_proxy(), &few.chain(five).chain(many).collect::<Vec<_>>());
    let few = json!([["is", "event:page", ["/few"]]]);
    let (totals, meta) = list(&mut told.reports, &query(&[], &few));
    assert_eq!(named(&totals), [pair("", 4)], "totals are told");
    assert_eq!(meta["threshold"], K);
    let (chart, _) = list(&mut told.reports, &query(&["time:day"], &few));
    assert_eq!(named(&chart), [pair(NOON.1, 4)], "so is the chart by day");
    for dimension in TELLING.into_iter().chain(["event:page", "visit:entry_page", "time:hour"]) {
        let (rows, meta) = list(&mut told.reports, &query(&[dimension], &few));
        assert_eq!(named(&rows), [], "{dimension}");
        assert_eq!(meta["withheld"], "few_visitors", "{dimension}: {meta}");
        assert_eq!(meta["withheld_visitors"], 4, "{dimension}: {meta}");
    }
    let five = json!([["is", "event:page", ["/five"]]]);
    let (rows, meta) = list(&mut told.reports, &query(&["visit:city"], &five));
    assert_eq!(named(&rows), [pair(&towns[0].place.city, 5)], "five are enough");
    assert_eq!(meta["withheld"], Value::Null);
}

#[test]
fn four_visitors_of_a_city_stay_among_others_and_five_are_shown() {
    let towns = people::towns();
    let mut crowd = Vec::new();
    for (town, count) in towns.iter().zip([38, 5, 4, 3]) {
        crowd.extend(of(town, 0, count, "/"));
    }
    let mut told = tell(Options::behind_proxy(), &crowd);
    for dimension in ["visit:city", "visit:region"] {
        let label = |number: usize| crowd[number].label(dimension, "/");
        let (rows, meta) = list(&mut told.reports, &query(&[dimension], &json!([])));
        let wanted = [pair(&label(0), 38), pair(&label(38), 5), pair(OTHER, 7)];
        assert_eq!(named(&rows), wanted, "{dimension}");
        assert_eq!(meta["withheld_visitors"], 7, "{meta}");
    }
    // The country is not protected by itself.
    let (rows, _) = list(&mut told.reports, &query(&["visit:country"], &json!([])));
    assert!(!named(&rows).iter().any(|(label, _)| label == OTHER), "{rows:?}");
    assert_eq!(named(&rows).iter().map(|(_, visitors)| visitors).sum::<u64>(), 50);
}

#[test]
fn others_are_a_true_union_and_never_fewer_than_five_themselves() {
    let towns = people::towns();
    let mut crowd = of(&towns[0], 0, 10, "/");
    crowd.extend(of(&towns[1], 0, 5, "/"));
    crowd.extend(of(&towns[2], 0, 1, "/"));
    let mut told = tell(Options::behind_proxy(), &crowd);
    let (rows, _) = list(&mut told.reports, &query(&["visit:city"], &json!([])));
    let wanted = [pair(&towns[0].place.city, 10), pair(OTHER, 6)];
    assert_eq!(named(&rows), wanted, "the smallest city shown joins the lone visitor");
    drop(told);

    // Six people of small towns see two pages each: they are six, not twelve.
    let mut crowd: Vec<Person> =
        of(&towns[0], 0, 10, "/").into_iter().map(|one| one.then("/x")).collect();
    for town in &towns[1..3] {
        crowd.extend(of(town, 0, 3, "/").into_iter().map(|one| one.then("/x")));
    }
    let mut told = tell(Options::behind_proxy(), &crowd);
    let (rows, _) = list(&mut told.reports, &query(&["event:page", "visit:city"], &json!([])));
    let others: Vec<&Row> = rows.iter().filter(|row| row.0.iter().any(|l| l == OTHER)).collect();
    assert_eq!(others.len(), 1, "{rows:?}");
    assert_eq!(others[0].1, [json!(6), json!(12)], "visitors once, page views as they are");
    assert_eq!(rows.last(), others.first().copied(), "it comes last");
}

#[test]
fn a_page_opened_by_one_visitor_gives_away_nothing_else_about_them() {
    let towns = people::towns();
    let mut crowd = of(&towns[0], 0, 30, "/");
    crowd.extend(of(&towns[1], 0, 12, "/"));
    // The one person: another town, browser and source than everybody else.
    let lone =
        Person::of(&towns[2], 0, "/").with_agent("Firefox", "Windows").from(3).then("/secret");
    let tells: Vec<String> =
        TELLING.iter().map(|dimension| lone.label(dimension, "/secret")).collect();
    crowd.push(lone);
    // Company in small towns, so that "(other)" exists without the large ones.
    crowd.extend(of(&towns[3], 0, 3, "/"));
    crowd.extend(of(&towns[4], 0, 3, "/"));
    let mut told = tell(Options::behind_proxy(), &crowd);
    let reports = &mut told.reports;
    let (pages, _) = list(reports, &query(&["event:page"], &json!([])));
    assert!(named(&pages).contains(&pair("/secret", 1)), "the page itself is no secret: {pages:?}");

    let only = json!([["is", "event:page", ["/secret"]]]);
    let without = json!([["is_not", "event:page", ["/secret"]]]);
    let by_exit = json!([["is", "visit:exit_page", ["/secret"]]]);
    for (dimension, label) in TELLING.iter().zip(&tells) {
        for filters in [&only, &by_exit] {
            let (rows, meta) = list(reports, &query(&[dimension], filters));
            assert_eq!(named(&rows), [], "{filters}");
            assert_eq!(meta["withheld"], "few_visitors");
        }
        let (rows, meta) = list(reports, &query(&[dimension], &without));
        assert_eq!(named(&rows), [], "{dimension}: what is left out is one visitor");
        assert_eq!(meta["withheld"], "few_visitors_in_complement", "{dimension}");
        for dimensions in [["event:page", dimension], [dimension, "event:page"]] {
            let (rows, _) = list(reports, &query(&dimensions, &json!([])));
            for row in &rows {
                assert!(!row.0.iter().any(|label| label == "/secret"), "{dimensions:?}: {row:?}");
                assert!(row.1[0].as_u64().expect("visitors") >= 1, "{row:?}");
            }
        }
        // A filter on what they have, and one on the page.
        let both = json!([["is", "event:page", ["/secret"]], ["is", dimension, [label]]]);
        let (rows, _) = list(reports, &query(&["event:page"], &both));
        assert_eq!(named(&rows), [], "{both}");
    }
    look_from_every_side(reports, &towns);
}

/// Orders, limits and offsets show no more than the plain list does.
fn look_from_every_side(reports: &mut Reports, towns: &[Town]) {
    let shown = [towns[0].place.city.as_str(), towns[1].place.city.as_str(), OTHER];
    for order in ["asc", "desc"] {
        for by in ["visitors", "pageviews", "visit:city"] {
            for limit in [1, 10] {
                for offset in 0..4 {
                    let mut asked = query(&["visit:city"], &json!([]));
                    asked["order_by"] = json!([[by, order]]);
                    asked["pagination"] = json!({"limit": limit, "offset": offset});
                    for (label, visitors) in named(&reports.rows(&asked)) {
                        assert!(shown.contains(&label.as_str()), "{asked}: {label}");
                        assert!(visitors >= K, "{asked}: {label} {visitors}");
                    }
                }
            }
        }
    }
}

#[test]
fn events_sent_by_a_key_do_not_fill_a_group() {
    let towns = people::towns();
    let mut crowd = of(&towns[0], 0, 10, "/");
    crowd.extend(of(&towns[1], 0, 4, "/"));
    crowd.extend(of(&towns[2], 0, 3, "/"));
    crowd.extend(of(&towns[3], 0, 3, "/by-key"));
    let program = Program::start(
        Options { clock: Some(NOON.0), ..Options::behind_proxy() }.site(SITE, "UTC"),
    );
    people::send(&program, SITE, &crowd, None);
    let send = program.add_key(SITE, "send");
    let mut forged = of(&towns[1], 50, 30, "/");
    forged.extend(of(&towns[3], 50, 30, "/by-key"));
    people::send(&program, SITE, &forged, Some(&send));
    program.wait_rows(people::events(&crowd) + people::events(&forged));
    let key = program.add_key(SITE, "read");
    let mut reports = Reports::new(program.client(), SITE, &key);
    let (rows, _) = list(&mut reports, &query(&["visit:city"], &json!([])));
    let labels: Vec<String> = named(&rows).into_iter().map(|(label, _)| label).collect();
    assert!(labels.contains(&towns[0].place.city), "{labels:?}");
    assert!(!labels.contains(&towns[1].place.city), "four and thirty forged: {labels:?}");
    assert!(!labels.contains(&towns[3].place.city), "three and thirty forged: {labels:?}");
    let by_key = json!([["is", "event:page", ["/by-key"]]]);
    let (rows, meta) = list(&mut reports, &query(&["visit:browser"], &by_key));
    assert_eq!(named(&rows), [], "a set of three and thirty forged");
    assert_eq!(meta["withheld"], "few_visitors");
}

#[test]
fn a_threshold_of_one_shows_everybody_and_says_so() {
    let towns = people::towns();
    let mut crowd = of(&towns[0], 0, 3, "/");
    crowd.push(Person::of(&towns[1], 0, "/").with_agent("Firefox", "Windows"));
    let mut told = tell(Options::behind_proxy().show_all(), &crowd);
    let (rows, meta) = list(&mut told.reports, &query(&["visit:city"], &json!([])));
    assert_eq!(named(&rows), [pair(&towns[0].place.city, 3), pair(&towns[1].place.city, 1)]);
    assert_eq!(meta["threshold"], 1, "{meta}");
    let filters = json!([["is", "visit:browser", ["Firefox"]]]);
    let (rows, _) = list(&mut told.reports, &query(&["visit:city", "visit:os"], &filters));
    assert_eq!(rows.len(), 1, "{rows:?}");
    drop(told);

    let options = Options::behind_proxy().env("HEADCOUNT_THRESHOLD", "4");
    let mut told = tell(options, &of(&towns[0], 0, 4, "/"));
    let (rows, meta) = list(&mut told.reports, &query(&["visit:city"], &json!([])));
    assert_eq!(
        (named(&rows), &meta["threshold"]),
        (vec![pair(&towns[0].place.city, 4)], &json!(4))
    );
}
