//! The engine's configuration: server settings, four users, their grants and limits, as XML text.
//!
//! Rights are given by table name, so they hold before the tables exist. The unnamed local user
//! (`default`) cannot have a password in this engine: it may open listeners and nothing else.
//! Everything is sized for a small machine; the default sizes are for big ones.

use std::fmt::Write as _;
use std::path::Path;

use crate::engine::DATABASE;
use crate::engine::access::{Access, User};

/// Random bytes of a password.
const PASSWORD_BYTES: usize = 32;
/// Longest time of one report query, in seconds.
const READ_SECONDS: u64 = 30;
/// Most rows one report query may read: two years of a site with a million events a day, twice.
const READ_ROWS: u64 = 2_000_000_000;
/// Most rows one report query may answer.
const READ_RESULT_ROWS: u64 = 1_000_000;
/// Seconds an idle connection is kept. The client uses none that was idle for 2 seconds, and a stop
/// has to wait for those that are open.
const KEEP_ALIVE_SECONDS: u64 = 3;

/// Tables with rows of events; `hc_insert` may fill them and look up their batches.
const EVENT_TABLES: [&str; 5] = ["open_events", "outcomes", "kept_back", "vitals", "script_errors"];
/// Tables that reports read.
const REPORT_TABLES: [&str; 9] = [
    "open_events",
    "outcomes",
    "kept_back",
    "vitals",
    "script_errors",
    "hits",
    "totals",
    "closed_days",
    "closed_batches",
];
/// Tables with settings.
const SETTINGS_TABLES: [&str; 8] =
    ["sites", "accounts", "logins", "api_keys", "leases", "spools", "goals", "shares"];
/// What the schema user sees of the system, for `doctor` and for stopping queries.
const SYSTEM_TABLES: [&str; 13] = [
    "tables",
    "columns",
    "databases",
    "parts",
    "parts_columns",
    "detached_parts",
    "processes",
    "merges",
    "mutations",
    "disks",
    "metrics",
    "asynchronous_metrics",
    "server_settings",
];
/// What the schema user may do with our database.
const SCHEMA_RIGHTS: &str = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, \
    DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE";

/// Kinds of tables the schema user may create; none of them reaches out of the engine.
const TABLE_ENGINES: [&str; 4] = ["MergeTree", "ReplacingMergeTree", "SummingMergeTree", "Memory"];

/// Server settings that do not depend on the machine: name and value.
///
/// The sizes of compressed blocks of parts are also those of the buffers that a merge or a mutation
/// takes for each stream of each column. A table with as many columns as `hits` has far over a
/// hundred streams: with the engine's 1 MiB each, removing a replaced generation was counted as
/// 500 MB of which next to nothing was ever touched, and whatever ran then was refused.
const SERVER: &str = "
  <timezone>UTC</timezone>
  <send_crash_reports><enabled>false</enabled></send_crash_reports>
  <max_thread_pool_size>500</max_thread_pool_size>
  <max_thread_pool_free_size>0</max_thread_pool_free_size>
  <max_io_thread_pool_size>16</max_io_thread_pool_size>
  <max_active_parts_loading_thread_pool_size>4</max_active_parts_loading_thread_pool_size>
  <max_outdated_parts_loading_thread_pool_size>2</max_outdated_parts_loading_thread_pool_size>
  <max_parts_cleaning_thread_pool_size>2</max_parts_cleaning_thread_pool_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>2</background_schedule_pool_size>
  <background_schedule_pool_initial_size>2</background_schedule_pool_initial_size>
  <mark_cache_size>16777216</mark_cache_size>
  <primary_index_cache_size>16777216</primary_index_cache_size>
  <index_mark_cache_size>4194304</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <query_condition_cache_size>4194304</query_condition_cache_size>
  <compiled_expression_cache_size>8388608</compiled_expression_cache_size>
  <compiled_expression_cache_elements_size>128</compiled_expression_cache_elements_size>
  <mmap_cache_size>0</mmap_cache_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <memory_worker_use_cgroup>0</memory_worker_use_cgroup>
  <memory_worker_dynamic_hard_limit>0</memory_worker_dynamic_hard_limit>
  <memory_worker_period_ms>500</memory_worker_period_ms>
  <cgroups_memory_usage_observer_wait_time>0</cgroups_memory_usage_observer_wait_time>
  <global_profiler_real_time_period_ns>0</global_profiler_real_time_period_ns>
  <global_profiler_cpu_time_period_ns>0</global_profiler_cpu_time_period_ns>
  <jemalloc_max_background_threads_num>1</jemalloc_max_background_threads_num>
  <disable_internal_dns_cache>1</disable_internal_dns_cache>
  <max_concurrent_queries>64</max_concurrent_queries>
  <access_control_improvements>
    <select_from_system_db_requires_grant>true</select_from_system_db_requires_grant>
    <select_from_information_schema_requires_grant>true</select_from_information_schema_requires_grant>
    <table_engines_require_grant>true</table_engines_require_grant>
    <users_without_row_policies_can_read_rows>true</users_without_row_policies_can_read_rows>
  </access_control_improvements>
  <merge_tree>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    <min_compress_block_size>32768</min_compress_block_size>
    <max_compress_block_size>131072</max_compress_block_size>
    <merge_selecting_sleep_ms>10000</merge_selecting_sleep_ms>
    <old_parts_lifetime>30</old_parts_lifetime>
    <cleanup_delay_period>10</cleanup_delay_period>
    <max_cleanup_delay_period>20</max_cleanup_delay_period>
    <cleanup_delay_period_random_add>5</cleanup_delay_period_random_add>
  </merge_tree>
";

/// The four users with fresh passwords, for an engine that will listen on `http_port`.
pub(super) fn fresh_access(http_port: u16) -> Result<Access, getrandom::Error> {
    let user = |name: &str| -> Result<User, getrandom::Error> {
        Ok(User { user: name.to_owned(), password: fresh_password()? })
    };
    Ok(Access {
        url: format!("http://127.0.0.1:{http_port}"),
        database: DATABASE.to_owned(),
        insert: user("hc_insert")?,
        read: user("hc_read")?,
        settings: user("hc_settings")?,
        schema: user("hc_schema")?,
    })
}

/// Text of the server configuration. `users` is the path of the users file.
pub(super) fn server_xml(dir: &Path, users: &Path, memory_bytes: u64) -> String {
    let path = |name: &str| escape(&dir.join(name).to_string_lossy());
    let users = escape(&users.to_string_lossy());
    let merges = memory_bytes / 2;
    format!(
        "<clickhouse>\n  <users_config>{users}</users_config>\n  \
         <listen_host>127.0.0.1</listen_host>\n  \
         <keep_alive_timeout>{KEEP_ALIVE_SECONDS}</keep_alive_timeout>\n  \
         <max_server_memory_usage>{memory_bytes}</max_server_memory_usage>\n  \
         <merges_mutations_memory_usage_soft_limit>{merges}</merges_mutations_memory_usage_soft_limit>\n  \
         <user_files_path>{}</user_files_path>\n  \
         <user_scripts_path>{}</user_scripts_path>\n  \
         <format_schema_path>{}</format_schema_path>{SERVER}</clickhouse>\n",
        path("none/files/"),
        path("none/scripts/"),
        path("none/schemas/"),
    )
}

/// Text of the users configuration.
pub(super) fn users_xml(access: &Access, memory_bytes: u64) -> String {
    let mut text = String::from("<clickhouse>\n<profiles>\n");
    for (name, settings) in profiles(memory_bytes) {
        writeln!(text, "  <{name}>{settings}</{name}>").expect("writing to a String cannot fail");
    }
    text.push_str("</profiles>\n<quotas><default/></quotas>\n<users>\n");
    let local = ["GRANT SYSTEM LISTEN ON *.*".to_owned()];
    text.push_str(&user_xml("default", "", "local", &local));
    let users = [
        (&access.insert, "hc_insert", insert_grants()),
        (&access.read, "hc_read", read_grants()),
        (&access.settings, "hc_settings", settings_grants()),
        (&access.schema, "hc_schema", schema_grants()),
    ];
    for (user, profile, grants) in users {
        text.push_str(&user_xml(&user.user, &user.password, profile, &grants));
    }
    text.push_str("</users>\n</clickhouse>\n");
    text
}

fn profiles(memory_bytes: u64) -> [(&'static str, String); 6] {
    let setting = |name: &str, value: u64| format!("<{name}>{value}</{name}>");
    let memory = |share: u64| setting("max_memory_usage", memory_bytes / 100 * share);
    let quick = setting("max_execution_time", READ_SECONDS);
    [
        ("default", setting("async_insert", 0) + &setting("log_queries", 0)),
        ("local", memory(20) + &setting("max_concurrent_queries_for_user", 8)),
        ("hc_insert", memory(60) + &setting("async_insert", 0) + &setting("insert_deduplicate", 0)),
        (
            "hc_read",
            setting("readonly", 1)
                + &quick
                + &memory(50)
                + &setting("max_memory_usage_for_user", memory_bytes / 100 * 60)
                + &setting("max_bytes_before_external_group_by", memory_bytes / 100 * 20)
                + &setting("max_bytes_before_external_sort", memory_bytes / 100 * 20)
                + &setting("max_rows_to_read", READ_ROWS)
                + &setting("max_result_rows", READ_RESULT_ROWS)
                + &setting("cancel_http_readonly_queries_on_client_close", 1)
                + &setting("output_format_json_quote_64bit_integers", 0),
        ),
        ("hc_settings", quick + &memory(30) + &setting("async_insert", 0)),
        ("hc_schema", memory(60) + &setting("async_insert", 0)),
    ]
}

fn user_xml(name: &str, password: &str, profile: &str, grants: &[String]) -> String {
    let grants: String =
        grants.iter().map(|grant| format!("<query>{}</query>", escape(grant))).collect();
    format!(
        "  <{name}><password>{}</password><networks><ip>127.0.0.1</ip></networks>\
         <profile>{profile}</profile><quota>default</quota><grants>{grants}</grants></{name}>\n",
        escape(password)
    )
}

fn insert_grants() -> Vec<String> {
    let mut grants = Vec::new();
    for table in EVENT_TABLES {
        grants.push(format!("GRANT INSERT ON {DATABASE}.{table}"));
        grants.push(format!("GRANT SELECT(spool, batch, day) ON {DATABASE}.{table}"));
    }
    grants.push(format!("GRANT SELECT ON {DATABASE}.closed_batches"));
    grants.push(format!("GRANT SELECT(day, gen) ON {DATABASE}.closed_days"));
    grants.push(format!("GRANT SELECT, INSERT ON {DATABASE}.spools"));
    grants
}

fn read_grants() -> Vec<String> {
    REPORT_TABLES.map(|table| format!("GRANT SELECT ON {DATABASE}.{table}")).to_vec()
}

fn settings_grants() -> Vec<String> {
    SETTINGS_TABLES.map(|table| format!("GRANT SELECT, INSERT ON {DATABASE}.{table}")).to_vec()
}

fn schema_grants() -> Vec<String> {
    let mut grants = vec![
        format!("GRANT {SCHEMA_RIGHTS} ON {DATABASE}.*"),
        "GRANT KILL QUERY ON *.*".to_owned(),
    ];
    grants.extend(TABLE_ENGINES.map(|engine| format!("GRANT TABLE ENGINE ON {engine}")));
    grants.extend(SYSTEM_TABLES.map(|table| format!("GRANT SELECT ON system.{table}")));
    grants
}

fn fresh_password() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_user_may_only_open_listeners() {
        let access = fresh_access(1).unwrap();
        let text = users_xml(&access, 600 << 20);
        let (_, local) = text.split_once("<default><password>").unwrap();
        let (local, _) = local.split_once("</default>").unwrap();
        assert_eq!(local.matches("<query>").count(), 1);
        assert!(local.contains("<query>GRANT SYSTEM LISTEN ON *.*</query>"));
    }

    #[test]
    fn nobody_may_read_files_or_addresses() {
        let text = users_xml(&fresh_access(1).unwrap(), 600 << 20);
        for word in ["FILE", "URL", "SOURCES", "GRANT ALL", "SHUTDOWN", "GRANT OPTION"] {
            assert!(!text.contains(word), "{word}");
        }
    }

    #[test]
    fn passwords_differ_and_are_long() {
        let access = fresh_access(1).unwrap();
        let all = [&access.insert, &access.read, &access.settings, &access.schema];
        let distinct: std::collections::HashSet<_> = all.map(|user| &user.password).into();
        assert_eq!(distinct.len(), 4);
        assert!(all.iter().all(|user| user.password.len() == 2 * PASSWORD_BYTES));
    }

    #[test]
    fn the_reader_is_read_only_and_bounded() {
        let profiles = profiles(1_000);
        let (_, read) = profiles.iter().find(|(name, _)| *name == "hc_read").unwrap();
        for part in ["<readonly>1<", "<max_memory_usage>500<", "<max_execution_time>30<"] {
            assert!(read.contains(part), "{read}");
        }
        assert!(read.contains("<max_rows_to_read>"));
    }

    #[test]
    fn paths_are_escaped() {
        let text = server_xml(Path::new("/a&b"), Path::new("/a&b/users.xml"), 1);
        assert!(text.contains("<users_config>/a&amp;b/users.xml</users_config>"), "{text}");
    }
}
