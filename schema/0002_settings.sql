-- Settings: written rarely, by one process, read with FINAL. A change is a new row with a higher
-- version; a removal is a row with removed = 1. Removed rows stay (a removed site's without its
-- name), so that a number is never given twice.
CREATE TABLE IF NOT EXISTS sites
(
    id UInt32,
    domain String,
    timezone String,
    hostnames Array(String),
    threshold UInt32,
    created DateTime('UTC'),
    removed UInt8,
    changed DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
TTL changed + INTERVAL 50 YEAR DELETE WHERE removed = 1
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS accounts
(
    id UInt32,
    email String,
    password String,
    role LowCardinality(String),
    created DateTime('UTC'),
    removed UInt8,
    changed DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
TTL changed + INTERVAL 50 YEAR DELETE WHERE removed = 1
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- One row a person's login; the token itself is never stored, only its blake3 (hex).
CREATE TABLE IF NOT EXISTS logins
(
    hash String,
    account UInt32,
    created DateTime('UTC'),
    expires DateTime('UTC'),
    removed UInt8,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY hash
TTL expires + INTERVAL 1 DAY
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Keys of scripts and servers; the key itself is never stored, only its blake3 (hex).
-- An empty list of sites means all sites; last_used is a day, 1970-01-01 for never.
CREATE TABLE IF NOT EXISTS api_keys
(
    id UInt32,
    hash String,
    scope LowCardinality(String),
    all_sites UInt8,
    sites Array(UInt32),
    name String,
    created DateTime('UTC'),
    expires Date,
    last_used Date,
    removed UInt8,
    changed DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY id
TTL changed + INTERVAL 50 YEAR DELETE WHERE removed = 1
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Who may write settings and close days, when several processes share one database.
CREATE TABLE IF NOT EXISTS leases
(
    name LowCardinality(String),
    owner String,
    until DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY name
TTL until + INTERVAL 1 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;
