-- Rows of closed days. One row an event other than engagement, with the attributes of its visit;
-- nothing of the token, the second, the spool or the batch. Which rows count is said by closed_days.
CREATE TABLE IF NOT EXISTS hits
(
    site UInt32,
    day Date,
    gen UInt32 CODEC(ZSTD(1)),
    visitor UInt32 CODEC(Delta(4), ZSTD(1)),
    visit UInt8 CODEC(ZSTD(1)),
    hit UInt32 CODEC(Delta(4), ZSTD(1)),
    first UInt8 CODEC(ZSTD(1)),
    hour UInt8 CODEC(ZSTD(1)),
    start_hour UInt8 CODEC(ZSTD(1)),
    elapsed UInt16 CODEC(ZSTD(1)),
    name LowCardinality(String),
    by_key UInt8 CODEC(ZSTD(1)),
    hostname LowCardinality(String),
    path LowCardinality(String),
    engaged_ms UInt32 CODEC(ZSTD(1)),
    scroll UInt8 CODEC(ZSTD(1)),
    props Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    revenue Decimal64(3) CODEC(ZSTD(1)),
    currency LowCardinality(String),
    entry_page LowCardinality(String),
    exit_page LowCardinality(String),
    duration UInt32 CODEC(ZSTD(1)),
    bounce UInt8 CODEC(ZSTD(1)),
    views UInt32 CODEC(ZSTD(1)),
    referrer LowCardinality(String),
    source LowCardinality(String),
    channel LowCardinality(String),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term LowCardinality(String),
    utm_content LowCardinality(String),
    country LowCardinality(String),
    region LowCardinality(String),
    city LowCardinality(String),
    browser LowCardinality(String),
    browser_version LowCardinality(String),
    os LowCardinality(String),
    os_version LowCardinality(String),
    device LowCardinality(String),
    language LowCardinality(String),
    screen LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, day, visitor, visit, hit)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Sums over closed days. dim '' is the site's whole day, 'hour' one hour of it ('00' to '24'); the
-- other dimensions exist for days with detailed = 1 only. Days never share a visitor, so sums over
-- days are exact; sums over values are not.
CREATE TABLE IF NOT EXISTS totals
(
    site UInt32,
    day Date,
    gen UInt32 CODEC(ZSTD(1)),
    dim LowCardinality(String),
    value String CODEC(ZSTD(1)),
    detailed UInt8 CODEC(ZSTD(1)),
    visitors UInt64 CODEC(ZSTD(1)),
    heads UInt64 CODEC(ZSTD(1)),
    visits UInt64 CODEC(ZSTD(1)),
    entries UInt64 CODEC(ZSTD(1)),
    bounces UInt64 CODEC(ZSTD(1)),
    duration UInt64 CODEC(ZSTD(1)),
    views UInt64 CODEC(ZSTD(1)),
    pageviews UInt64 CODEC(ZSTD(1)),
    events UInt64 CODEC(ZSTD(1)),
    engaged_pages UInt64 CODEC(ZSTD(1)),
    engaged_ms UInt64 CODEC(ZSTD(1)),
    scrolled_pages UInt64 CODEC(ZSTD(1)),
    scroll UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (site, dim, day, value)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- Which generations of a day count: the newest whole one (addition = 0) and the additions behind it.
-- One row is one publication. A number of a generation is never used for two days.
CREATE TABLE IF NOT EXISTS closed_days
(
    day Date,
    gen UInt32,
    addition UInt8,
    rows UInt64,
    engagements UInt64,
    visitors UInt64,
    visits UInt64,
    closed DateTime('UTC')
)
ENGINE = MergeTree
ORDER BY (day, gen)
TTL day + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- What each collector still has to deliver: the oldest day of its spool that is not in the database.
CREATE TABLE IF NOT EXISTS spools
(
    spool UInt32,
    oldest_open_day Date,
    seen DateTime('UTC'),
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY spool
TTL seen + INTERVAL 13 MONTH
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1,
    min_compressed_bytes_to_fsync_after_merge = 1, max_suspicious_broken_parts = 1000000,
    max_suspicious_broken_parts_bytes = 1000000000000, non_replicated_deduplication_window = 0;

-- The generation that took a batch in; it counts once that generation is published.
ALTER TABLE closed_batches ADD COLUMN IF NOT EXISTS gen UInt32;
