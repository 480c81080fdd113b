//! What a row costs collector and engine: the drain as it is, and rows as `RowBinary` beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headcount::engine::{self, Engine};
use headcount::spool::{Config, Spool};
use headcount::store::{self, Credentials, Store, drain};
use headcount::telemetry::Metrics;
use tokio::sync::watch;

use crate::events::Events;
use crate::program::Home;
use crate::{median, proc_stat};

/// Rows of a batch, batches of a round, and days that the rows are of: one insert each. A segment is
/// full at 8 MiB: about 38,000 such rows.
const SIZES: [(usize, usize, u64); 4] =
    [(1_000, 60, 1), (10_000, 20, 1), (10_000, 20, 3), (35_000, 8, 1)];
/// Rounds of each format.
const ROUNDS: u64 = 3;
/// After this long the spool seals what it got: one batch.
const SEAL_AFTER: Duration = Duration::from_millis(40);
/// Content of a piece of `RowBinary` that is compressed and sent, bytes.
const PIECE_BYTES: usize = 512 * 1024;
/// Bytes of a record before its values.
const HEAD_BYTES: usize = 3;

/// What a round cost, microseconds a row.
struct Cost {
    collector: f64,
    engine: f64,
    wall: f64,
}

/// Prints the table.
pub(crate) fn run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(measure());
}

async fn measure() {
    let home = Home::new("formats");
    let engine = open(&home).await;
    println!(
        "\none row from a sealed segment to the database, medians of {ROUNDS} alternated rounds:"
    );
    println!("| rows a batch (days) | format | collector us | engine us | both us | wall us |");
    println!("|---|---|---|---|---|---|");
    let mut round = 0;
    for (rows, batches, days) in SIZES {
        let mut native = Vec::new();
        let mut binary = Vec::new();
        for _ in 0..ROUNDS {
            round += 1;
            let mut folder = 0;
            for (costs, is_native) in [(&mut native, true), (&mut binary, false)] {
                folder += 1;
                let config = Config {
                    dir: home.data().join(format!("spool-{round}-{folder}")),
                    seal_after: SEAL_AFTER,
                    ..home.spool()
                };
                let spool = filled(config, (round, days), rows, batches).await;
                costs.push(engine.time(spool, is_native, rows * batches).await);
            }
        }
        for (name, costs) in [("Native", native), ("RowBinary", binary)] {
            let of = |field: fn(&Cost) -> f64| median(costs.iter().map(field).collect());
            println!(
                "| {rows} ({days}) | {name} | {:.2} | {:.2} | {:.2} | {:.2} |",
                of(|cost| cost.collector),
                of(|cost| cost.engine),
                of(|cost| cost.collector + cost.engine),
                of(|cost| cost.wall)
            );
        }
    }
    engine.engine.stop().await;
}

/// A closed spool with so many batches.
async fn filled(config: Config, (seed, days): (u64, u64), rows: usize, batches: usize) -> Spool {
    let spool = Spool::open(config).expect("the spool");
    let mut events = Events::new(seed, headcount::model::now()).of_days(days);
    for _ in 0..batches {
        let mut records = events.records(rows);
        let half = records.split_off(rows / 2);
        let (first, second) = tokio::join!(spool.append(records), spool.append(half));
        first.and(second).expect("appended");
        tokio::time::sleep(SEAL_AFTER * 2).await;
    }
    let closing = spool.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.expect("closed");
    spool
}

struct Opened {
    engine: Engine,
    store: Store,
    client: clickhouse::Client,
}

async fn open(home: &Home) -> Opened {
    let package = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so";
    let config = engine::Config {
        library: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(package),
        data_dir: home.data().join("engine"),
        memory_bytes: 600 * 1024 * 1024,
        http_port: None,
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_headcount"))),
    };
    let engine = Engine::start(config, Arc::new(Metrics::new(&[]))).await.expect("it starts");
    let access = engine.access().clone();
    let user = |user: &engine::User| Credentials {
        user: user.user.clone(),
        password: user.password.clone(),
    };
    let store = Store::new(store::Access {
        url: access.url.clone(),
        database: access.database.clone(),
        insert: user(&access.insert),
        read: user(&access.read),
        settings: user(&access.settings),
        schema: user(&access.schema),
    });
    store.migrate(13).await.expect("the tables");
    let client = clickhouse::Client::default()
        .with_url(&access.url)
        .with_user(&access.insert.user)
        .with_password(&access.insert.password)
        .with_database(&access.database)
        .with_compression(clickhouse::Compression::Lz4);
    Opened { engine, store, client }
}

impl Opened {
    /// Delivers a spool and tells what that took.
    async fn time(&self, spool: Spool, is_native: bool, rows: usize) -> Cost {
        let pid = self.engine.pid().expect("the engine runs");
        let own = std::process::id();
        let before = (proc_stat::cpu(own), proc_stat::cpu(pid), Instant::now());
        let stored = if is_native {
            let metrics = Arc::new(Metrics::new(&[]));
            let (_going, shutdown) = watch::channel(false);
            drain::run(self.store.clone(), spool, Arc::clone(&metrics), None, shutdown).await;
            metrics.insert_rows.get()
        } else {
            self.row_binary(&spool).await
        };
        assert_eq!(stored, rows as u64, "all rows were delivered");
        let took = before.2.elapsed();
        // What the engine does right after its answers belongs to them.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let share = |after: Duration, before: Duration| {
            after.saturating_sub(before).as_secs_f64() * 1e6 / rows as f64
        };
        Cost {
            collector: share(proc_stat::cpu(own), before.0),
            engine: share(proc_stat::cpu(pid), before.1),
            wall: took.as_secs_f64() * 1e6 / rows as f64,
        }
    }

    /// Rows as they lie in the spool, four batches at a time.
    async fn row_binary(&self, spool: &Spool) -> u64 {
        let mut workers = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (client, spool) = (self.client.clone(), spool.clone());
            workers.spawn(async move {
                let mut stored = 0;
                while let Some(segment) = spool.next().await {
                    let batch = segment.batch;
                    let read = move || {
                        let records = segment.records().expect("a segment of ours");
                        let mut rows = Vec::new();
                        for (record, position) in records.iter().zip(0_u32..) {
                            rows.extend_from_slice(&record.body[HEAD_BYTES..]);
                            rows.extend_from_slice(&segment.spool.to_le_bytes());
                            rows.extend_from_slice(&segment.batch.to_le_bytes());
                            rows.extend_from_slice(&position.to_le_bytes());
                        }
                        (Bytes::from(rows), records.len() as u64)
                    };
                    let (mut rest, rows) =
                        tokio::task::spawn_blocking(read).await.expect("it was read");
                    let mut insert = client
                        .insert_formatted_with("INSERT INTO open_events FORMAT RowBinary")
                        .with_setting("async_insert", "0")
                        .with_setting("max_insert_block_size", "1048449")
                        .with_setting("min_insert_block_size_rows", "0")
                        .with_setting("min_insert_block_size_bytes", "0")
                        .with_setting("input_format_parallel_parsing", "0")
                        .with_setting("wait_end_of_query", "1");
                    while !rest.is_empty() {
                        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
                        insert.send(piece).await.expect("sent");
                    }
                    insert.end().await.expect("inserted");
                    let done = spool.clone();
                    tokio::task::spawn_blocking(move || done.delivered(batch)).await.expect("gone");
                    stored += rows;
                }
                stored
            });
        }
        workers.join_all().await.into_iter().sum()
    }
}
