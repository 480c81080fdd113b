-- The name of the click-id parameter (never its value), and how many weak signs of a machine the
-- request carried ('0' to '100': text, as every attribute of a visit is).
ALTER TABLE open_events ADD COLUMN IF NOT EXISTS click_id LowCardinality(String) AFTER currency;
ALTER TABLE open_events ADD COLUMN IF NOT EXISTS score LowCardinality(String) AFTER click_id;
ALTER TABLE hits ADD COLUMN IF NOT EXISTS click_id LowCardinality(String);
ALTER TABLE hits ADD COLUMN IF NOT EXISTS score LowCardinality(String);

-- Why events were not counted: a bot's name, the rule that left an event out. A closed set of texts.
ALTER TABLE outcomes ADD COLUMN IF NOT EXISTS reason LowCardinality(String) AFTER outcome;

-- Rules of a site for what is collected, as JSON (model::Rules); empty for none.
ALTER TABLE sites ADD COLUMN IF NOT EXISTS rules String CODEC(ZSTD(1));

-- What of accepted events was not stored, by name only: properties that are not declared, values
-- that look like ids, dimensions with too many values. Additive.
CREATE TABLE IF NOT EXISTS kept_back
(
    site UInt32,
    day Date,
    what LowCardinality(String),
    name String CODEC(ZSTD(1)),
    events UInt64,
    spool UInt32,
    batch UInt64,
    position UInt32,
    INDEX batch_range batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, what, name)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0,
    old_parts_lifetime = 30, cleanup_delay_period = 10, max_cleanup_delay_period = 20,
    cleanup_delay_period_random_add = 5;

-- Web Vitals: one row a measured value, in buckets of which each is 5 % wider than the one before,
-- so that percentiles can be told. No token, no hour. Additive.
CREATE TABLE IF NOT EXISTS vitals
(
    site UInt32,
    day Date,
    path LowCardinality(String),
    device LowCardinality(String),
    country LowCardinality(String),
    metric LowCardinality(String),
    bucket UInt16 CODEC(ZSTD(1)),
    events UInt64 CODEC(ZSTD(1)),
    spool UInt32 CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta(8), ZSTD(1)),
    position UInt32 CODEC(Delta(4), ZSTD(1)),
    INDEX batch_range batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, metric, path)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0,
    old_parts_lifetime = 30, cleanup_delay_period = 10, max_cleanup_delay_period = 20,
    cleanup_delay_period_random_add = 5;

-- Errors of pages' scripts, by template: without digits, quoted text and addresses. Additive.
CREATE TABLE IF NOT EXISTS script_errors
(
    site UInt32,
    day Date,
    path LowCardinality(String),
    browser LowCardinality(String),
    template String CODEC(ZSTD(1)),
    events UInt64 CODEC(ZSTD(1)),
    spool UInt32 CODEC(ZSTD(1)),
    batch UInt64 CODEC(Delta(8), ZSTD(1)),
    position UInt32 CODEC(Delta(4), ZSTD(1)),
    INDEX batch_range batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, template)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0,
    old_parts_lifetime = 30, cleanup_delay_period = 10, max_cleanup_delay_period = 20,
    cleanup_delay_period_random_add = 5;

-- Files of replaced parts leave the disk soon here, too: a changed password or a revoked key must not
-- stay in an old part.
ALTER TABLE schema_versions MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE accounts MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE logins MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE api_keys MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE leases MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE closed_batches MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE closed_days MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
ALTER TABLE masks MODIFY SETTING old_parts_lifetime = 30, cleanup_delay_period = 10,
    max_cleanup_delay_period = 20, cleanup_delay_period_random_add = 5;
