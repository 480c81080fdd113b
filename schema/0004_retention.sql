-- How long a site keeps its rows, in months; 0 is the installation's retention_months.
ALTER TABLE sites ADD COLUMN IF NOT EXISTS retention_months UInt8;

-- When deleted rows of a partition began to wait for their bytes to be removed, for partitions that
-- are too large to be rewritten at once.
CREATE TABLE IF NOT EXISTS masks
(
    name LowCardinality(String),
    partition String,
    since DateTime('UTC')
)
ENGINE = ReplacingMergeTree(since)
ORDER BY (name, partition)
TTL toDate(since) + INTERVAL 26 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Files of replaced parts leave the disk soon, so that deleted rows do too. The parts that take
-- their place are synced before (see above), so nothing is lost to a power cut.
ALTER TABLE open_events MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE outcomes MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE hits MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE totals MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE sites MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;

-- A time ends in 2106: 50 years after it are counted in days, or a row written late in the century
-- would be too old at once, and what it removed would come back.
ALTER TABLE sites MODIFY TTL toDate(changed) + INTERVAL 50 YEAR DELETE WHERE removed = 1;
ALTER TABLE accounts MODIFY TTL toDate(changed) + INTERVAL 50 YEAR DELETE WHERE removed = 1;
ALTER TABLE api_keys MODIFY TTL toDate(changed) + INTERVAL 50 YEAR DELETE WHERE removed = 1;
ALTER TABLE schema_versions MODIFY TTL toDate(applied) + INTERVAL 50 YEAR;
