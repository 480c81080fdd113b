-- Rows of days that are not closed. One row an event; the columns are those of `model::Event`,
-- in its order, followed by where the row came from (spool, batch, position).
CREATE TABLE IF NOT EXISTS open_events
(
    site UInt32,
    day Date,
    hour UInt8,
    ts DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    visitor UInt64 CODEC(ZSTD(1)),
    name LowCardinality(String),
    interactive UInt8,
    by_key UInt8,
    hostname LowCardinality(String),
    path String CODEC(ZSTD(1)),
    referrer LowCardinality(String),
    source LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term String CODEC(ZSTD(3)),
    utm_content String CODEC(ZSTD(3)),
    country LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    os_version LowCardinality(String),
    device LowCardinality(String),
    language LowCardinality(String),
    screen LowCardinality(String),
    engaged_ms UInt32 CODEC(ZSTD(1)),
    scroll UInt8,
    props Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    revenue Decimal64(3) CODEC(ZSTD(1)),
    currency LowCardinality(String),
    spool UInt32,
    batch UInt64 CODEC(Delta(8), ZSTD(1)),
    position UInt32 CODEC(Delta(4), ZSTD(1)),
    INDEX batch_range batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY day
ORDER BY (site, visitor, ts, batch, position)
TTL day + INTERVAL 13 MONTH
SETTINGS ttl_only_drop_parts = 1, fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Events that were not counted, by site, day and outcome; additive (sum over rows).
CREATE TABLE IF NOT EXISTS outcomes
(
    site UInt32,
    day Date,
    outcome LowCardinality(String),
    events UInt64,
    spool UInt32,
    batch UInt64,
    position UInt32,
    INDEX batch_range batch TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, outcome)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Which batches of a spool a closed day has taken in.
CREATE TABLE IF NOT EXISTS closed_batches
(
    spool UInt32,
    day Date,
    first UInt64,
    last UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (spool, day, first)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;
