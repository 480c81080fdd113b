//! Thirty promises that sites make to their visitors, and what becomes of each with headcount.
//!
//! A promise is kept only if a test holds it; the tests are named, and a test of their own
//! (`tests/it/policy.rs`) looks that they exist. Some rows depend on the configuration.

use serde::Serialize;

use crate::app::policy::{Facts, Kept};

/// Whether a promise is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Kept, as its tests show.
    Kept,
    /// Kept in part: what is missing is said.
    Partly,
    /// Nothing keeps it yet.
    NotYet,
    /// Not headcount's to keep.
    NotOurs,
    /// The configuration in force breaks it.
    Broken,
}

impl State {
    /// As it is printed.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Partly => "partly",
            Self::NotYet => "not_yet",
            Self::NotOurs => "not_ours",
            Self::Broken => "broken",
        }
    }
}

/// What a promise depends on in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A threshold of at least two visitors.
    Threshold,
    /// Keys that cannot reach a disk.
    NoSwap,
}

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    /// From 1 to 30.
    pub number: u8,
    /// What sites promise.
    pub promise: &'static str,
    /// Whether it is kept unless the configuration says otherwise.
    pub state: State,
    /// How, or what is missing.
    pub how: &'static str,
    /// The tests that hold it, as `module::name`.
    pub tests: &'static [&'static str],
    needs: Needs,
}

impl Promise {
    /// The promise under a configuration.
    pub(super) fn under(&self, facts: &Facts) -> Kept {
        let broken = match self.needs {
            Needs::Threshold if facts.threshold <= 1 => {
                Some("threshold is 1, so groups of one visitor are shown")
            }
            Needs::NoSwap if facts.allows_swap => {
                Some("allow_swap is set, so a key may reach the swap of a disk and its copies")
            }
            _ => None,
        };
        Kept {
            number: self.number,
            promise: self.promise,
            state: if broken.is_some() { State::Broken } else { self.state },
            how: broken.unwrap_or(self.how).to_owned(),
            tests: self.tests,
        }
    }

    const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }
}

const fn kept(
    number: u8,
    promise: &'static str,
    how: &'static str,
    tests: &'static [&'static str],
) -> Promise {
    Promise { number, promise, state: State::Kept, how, tests, needs: Needs::Nothing }
}

const fn partly(
    number: u8,
    promise: &'static str,
    how: &'static str,
    tests: &'static [&'static str],
) -> Promise {
    Promise { number, promise, state: State::Partly, how, tests, needs: Needs::Nothing }
}

const fn without(number: u8, state: State, promise: &'static str, how: &'static str) -> Promise {
    Promise { number, promise, state, how, tests: &[], needs: Needs::Nothing }
}

/// All promises, by number.
pub const PROMISES: &[Promise] = &[
    kept(
        1,
        "Do Not Track is honoured: nothing is counted and no cookie set",
        "the script sends nothing; a request with the signal leaves nothing on disk, in a log or in the database",
        &[
            "signals::who_says_no_changes_no_file_no_row_and_no_log_line",
            "signals::no_setting_makes_the_program_ignore_a_signal",
            "norms::dnt_1_a_value_that_begins_with_1_says_no_and_others_say_nothing",
            "norms::dnt_2_is_decided_before_anything_is_made_and_alike_for_pixel_post_and_beacon",
            "norms::gpc_1_a_value_of_exactly_1_says_no_and_trailers_say_nothing",
            "tracker::whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser",
        ],
    ),
    without(
        2,
        State::NotOurs,
        "what other parties on the page do",
        "headcount is one party; what a page loads besides is the site's to say",
    ),
    kept(
        3,
        "places no finer than the city",
        "country, region and city are the only columns of place; without a database of places none is kept",
        &["rows::every_column_holds_what_was_sent_and_nothing_more", "policy::no_column_is_finer_than_a_city_or_names_a_person"],
    ),
    kept(
        4,
        "the network address gives a general place and is not stored",
        "it ends in the pipeline: no file, table, log line or freed memory holds it",
        &[
            "leak::nothing_that_identifies_is_left_while_running_after_a_stop_and_after_a_restart",
            "leak::nothing_is_left_by_refusals_panics_stops_kills_and_damage_one_after_another",
            "memory::a_key_is_in_memory_before_midnight_and_nowhere_after_with_all_that_it_was_used_on",
        ],
    ),
    kept(
        5,
        "device, system, browser and language in broad classes",
        "families and versions (major, of systems also minor), the primary language, classes of screen; the text they came from is not stored",
        &["rows::every_column_holds_what_was_sent_and_nothing_more"],
    ),
    kept(
        6,
        "no identifier of a device",
        "a number of one site and one day, under a key that is deleted at midnight",
        &[
            "rows::a_token_is_of_one_site_one_day_one_network_and_one_agent",
            "life::at_the_sites_midnight_the_key_goes_and_the_same_person_is_somebody_new",
            "failing_keys::a_clock_that_jumps_years_ahead_and_back_finds_no_old_key",
            "attacker::yesterdays_visitors_cannot_be_told_apart_and_have_nothing_in_common_elsewhere",
        ],
    ),
    kept(
        7,
        "who disables cookies is not recognised on a return visit",
        "nobody is, on another day; with cookies switched off the script sends nothing",
        &[
            "tracker::whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser",
            "life::at_the_sites_midnight_the_key_goes_and_the_same_person_is_somebody_new",
        ],
    ),
    kept(
        8,
        "Google Analytics' opt-out add-on is honoured",
        "its flag and ga-disable-… switch the script off",
        &["tracker::whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser"],
    ),
    partly(
        9,
        "beacons count views, promotions and opened mails, and no person",
        "a mail's picture carries no number of its reader; campaign names are cleaned but need not be declared beforehand",
        &[
            "collecting::the_pixel_is_the_same_picture_whatever_the_outcome",
            "threshold::a_page_opened_by_one_visitor_gives_away_nothing_else_about_them",
        ],
    )
    .needs(Needs::Threshold),
    partly(
        10,
        "who declines cookies is not followed by beacons",
        "a mail's picture carries no number; a picture on a page cannot see cookie settings and counts like the script, for one day and site",
        &["collecting::the_pixel_is_the_same_picture_whatever_the_outcome"],
    ),
    kept(
        11,
        "pages, referrers and clicks without what is private in them",
        "referrers lose all but their host, queries all but a list, paths what looks like a person's",
        &[
            "rows::what_points_at_one_person_is_taken_out_of_paths",
            "hygiene::rules_hold_from_the_next_event_on_and_say_what_is_wrong",
            "leak::nothing_that_identifies_is_left_while_running_after_a_stop_and_after_a_restart",
        ],
    ),
    kept(
        12,
        "errors and speed are reported without the person",
        "counts per page and day without a visitor's number; messages lose digits, quoted text and addresses; small groups are withheld by number of reports, as visitors are not known",
        &["hygiene::pages_report_vitals_and_errors_without_a_token"],
    ),
    partly(
        13,
        "nothing is sold or handed to others",
        "you run it yourself, and its pages load nothing from elsewhere; that the server opens no connection of its own is not tested yet",
        &["browser::from_the_setup_address_to_a_report_with_the_visits_that_were_made"],
    ),
    partly(
        14,
        "a site that sells must process Global Privacy Control and show that it did",
        "the signal is obeyed and the switch on a page of the site says so; what else the site sells is its own",
        &[
            "norms::gpc_4_the_answer_of_this_origin_is_there_and_can_be_copied",
            "tracker::whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser",
        ],
    ),
    kept(
        15,
        "kept only as long as needed",
        "every table has a time to live, 13 months unless set and never more than 25 (26 for what says that a day is closed); numbers of visitors go after 72 hours",
        &[
            "retention::the_nightly_run_deletes_what_is_too_old_for_its_site_and_for_all",
            "forgotten::seventy_two_hours_after_a_day_nothing_of_its_tokens_and_seconds_is_left",
        ],
    ),
    partly(
        16,
        "deleted on request or when the account ends",
        "a removed site and erased days leave the disk when it was said; there is no signed receipt, and backups are yours",
        &[
            "retention::nothing_of_a_removed_site_is_left_on_the_disk",
            "retention::erased_days_are_out_of_reports_at_once_and_off_the_disk_when_it_was_said",
        ],
    ),
    without(
        17,
        State::NotYet,
        "access, correction, portability, objection",
        "objection is the opt-out; a page that answers what is held on this browser now, and an export, are not built yet",
    ),
    kept(
        18,
        "an opt-out",
        "a switch on a page of the site keeps the wish in that browser alone; nothing is counted of who set it",
        &["tracker::whoever_asks_not_to_be_counted_is_not_and_nothing_is_kept_in_a_browser"],
    ),
    without(
        19,
        State::NotYet,
        "notice of a breach on the site",
        "a list of what each store gives away, and a banner for the site, are not built yet",
    ),
    without(
        20,
        State::NotOurs,
        "encryption in transit and at rest",
        "the proxy in front speaks TLS and the operator encrypts disks",
    ),
    partly(
        21,
        "access is controlled and looked over",
        "roles and keys by site, and nobody sees visitors below the threshold; of speed and errors it counts reports, and counts of refused events and of names not kept have none; there is no log of questions and exports yet",
        &[
            "questions::without_a_key_of_the_site_there_is_no_answer",
            "rights::each_user_of_the_engine_has_its_own_task_and_nothing_else",
            "threshold::a_set_of_four_visitors_gets_its_totals_and_no_list_at_all",
        ],
    )
    .needs(Needs::Threshold),
    kept(
        22,
        "backups do not keep what was deleted",
        "keys lie outside the data directory, on a RAM disk, so that no copy of it holds one; how long backups are kept is yours to say",
        &[
            "memory::a_key_is_in_memory_before_midnight_and_nowhere_after_with_all_that_it_was_used_on",
            "leak::a_key_of_yesterday_is_gone_from_every_place",
            "failing_keys::without_a_ram_disk_keys_live_in_memory_and_end_with_the_process",
            "failing_keys::where_a_disk_is_swapped_to_keys_stay_out_of_files_unless_it_is_allowed",
        ],
    )
    .needs(Needs::NoSwap),
    partly(
        23,
        "what can be demanded by a court",
        "rows of closed days, one for each event, without address and number, by the hour with their order, a coarse offset and the visit's duration in seconds; who controls the machine can be made to keep more from then on",
        &[
            "forgotten::seventy_two_hours_after_a_day_nothing_of_its_tokens_and_seconds_is_left",
            "attacker::yesterdays_visitors_cannot_be_told_apart_and_have_nothing_in_common_elsewhere",
        ],
    ),
    without(
        24,
        State::NotYet,
        "children: no persistent identifier",
        "nothing lasts longer than a day, but a mode without any number and with the country alone is not built yet",
    ),
    kept(
        25,
        "the policy says what is done",
        "this text follows the configuration, and its sentences are bound to tests",
        &[
            "policy::the_text_follows_the_configuration",
            "policy::every_test_that_is_named_exists",
            "policy::claims_that_cannot_be_shown_are_not_made",
        ],
    ),
    partly(
        26,
        "used for the stated purpose only",
        "properties and parts of addresses are stored by list alone; changes of the list are not published yet",
        &[
            "hygiene::properties_are_kept_by_list_and_what_looks_like_an_id_is_not_kept",
            "hygiene::rules_hold_from_the_next_event_on_and_say_what_is_wrong",
        ],
    ),
    without(
        27,
        State::NotOurs,
        "where the data are kept",
        "where you run it; headcount uses no service of others",
    ),
    kept(
        28,
        "what is given to partners holds no person",
        "every number leaves by the reporting API, which withholds small groups also from exports made with it; of speed and errors those of few reports, while counts of refused events and of names not kept have no threshold",
        &[
            "threshold::four_visitors_of_a_city_stay_among_others_and_five_are_shown",
            "threshold::others_are_a_true_union_and_never_fewer_than_five_themselves",
            "probe::three_hundred_random_questions_learn_nothing_about_fewer_than_five",
        ],
    )
    .needs(Needs::Threshold),
    kept(
        29,
        "no insights across customers",
        "nothing puts sites together: another key each, and no question spans two sites",
        &[
            "questions::without_a_key_of_the_site_there_is_no_answer",
            "attacker::yesterdays_visitors_cannot_be_told_apart_and_have_nothing_in_common_elsewhere",
        ],
    ),
    kept(
        30,
        "traffic as a whole, by cookies",
        "without cookies",
        &["browser::browsers_that_ask_not_to_be_counted_send_nothing_at_all", "browser::the_demo_site_is_counted_and_its_report_can_be_filtered_and_walked_back"],
    ),
];
