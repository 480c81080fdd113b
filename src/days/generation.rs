//! Writes one generation of a day: batches, hits, totals, counts, and at last its publication.
//!
//! Until the row of `closed_days` is there, nothing of it is seen by anybody, so a kill at any step
//! leaves the day as it was; what was written is removed later and the number is not used again.
//! The batches come first because they make the number known. Rows that arrive behind them are
//! noticed when the open rows are counted a second time.

use serde_json::Value;

use crate::days::chunks::{self, Chunk, SiteRows};
use crate::days::closing::{Closing, of_day};
use crate::days::source::Source;
use crate::days::state::number;
use crate::days::{CloseError, Closed, Watch, heavy, hits, totals};
use crate::store::{Param, Statement, lease};

/// The largest number that was given to a generation.
const LARGEST: &str = "greatest((SELECT max(gen) FROM closed_days), \
    (SELECT max(gen) FROM closed_batches), (SELECT max(gen) FROM hits), \
    (SELECT max(gen) FROM totals))";

impl<W: Watch> Closing<'_, W> {
    /// Closes what `source` names; `None` when there are no rows.
    ///
    /// One statement takes about `chunk_rows` open rows.
    pub(super) async fn write(
        &self,
        source: &Source,
        chunk_rows: u64,
    ) -> Result<Option<Closed>, CloseError> {
        self.go_on()?;
        let sites = self.sites(source).await?;
        if sites.is_empty() {
            return Ok(None);
        }
        let generation = self.next_number().await?;
        self.run("batches", self.batches(source, generation)).await?;
        let chunks = chunks::plan(&sites, chunk_rows);
        self.write_hits(source, generation, &chunks, &sites).await?;
        self.write_totals(source, generation, &sites, chunk_rows).await?;
        let (visitors, visits) = self.verify(source, generation, &sites).await?;
        let events = sites.iter().map(|site| site.events).sum();
        let closed = Closed {
            day: source.day,
            rows: events,
            visitors,
            visits,
            gen_number: generation,
            addition: source.addition,
            late_rows: if source.addition { events } else { 0 },
        };
        self.go_on()?;
        let engagements = sites.iter().map(|site| site.engagements).sum();
        self.run("publish", self.publication(&closed, engagements)).await?;
        let published = "SELECT count() FROM closed_days WHERE day = {day:Date} AND \
            gen = {gen:UInt32}";
        match self.ask(source, generation, published).await?.first() {
            Some(row) if number::<u64>(row, 0)? > 0 => Ok(Some(closed)),
            _ => Err(CloseError::Overtaken { day: source.day }),
        }
    }

    async fn write_hits(
        &self,
        source: &Source,
        generation: u32,
        chunks: &[Chunk],
        sites: &[SiteRows],
    ) -> Result<(), CloseError> {
        let all_rows = sites.iter().map(|site| site.events + site.engagements).sum();
        let mut done_rows = 0;
        for chunk in chunks {
            self.go_on()?;
            self.progress(source.day, "hits", done_rows, all_rows);
            let mut chunk = *chunk;
            if chunk.is_slice() {
                let found = self.rows("before", hits::before(source, generation, &chunk)).await?;
                chunk.before = number(found.first().ok_or(CloseError::Shape)?, 0)?;
            }
            self.run_visitors("hits", hits::visitors(source, generation, &chunk)).await?;
            if chunk.heavy {
                self.go_on()?;
                self.run_heavy(heavy::visitors(source, generation, &chunk)).await?;
            }
            if chunk.tokenless {
                self.run("hits", hits::tokenless(source, generation, &chunk)).await?;
            }
            done_rows += chunk.rows;
        }
        self.progress(source.day, "hits", all_rows, all_rows);
        Ok(())
    }

    async fn write_totals(
        &self,
        source: &Source,
        generation: u32,
        sites: &[SiteRows],
        chunk_rows: u64,
    ) -> Result<(), CloseError> {
        let all_rows = sites.iter().map(|site| site.events + site.engagements).sum();
        let mut done_rows = 0;
        for chunk in chunks::by_site(sites, chunk_rows) {
            let within = |site: &&SiteRows| (chunk.low..=chunk.high).contains(&site.site);
            let detailed: Vec<u32> = sites
                .iter()
                .filter(within)
                .filter(|site| site.events > totals::DETAILED_ABOVE)
                .map(|site| site.site)
                .collect();
            self.progress(source.day, "totals", done_rows, all_rows);
            for sums in totals::all(source, generation, &chunk, &detailed) {
                self.go_on()?;
                if sums.in_order {
                    self.run("totals", sums.statement).await?;
                } else {
                    self.run_groups("totals", sums.statement).await?;
                }
            }
            done_rows += chunk.rows;
        }
        self.progress(source.day, "totals", all_rows, all_rows);
        Ok(())
    }

    /// Compares what is open now and what was written with what was open before; answers visitors
    /// and visits.
    async fn verify(
        &self,
        source: &Source,
        generation: u32,
        before: &[SiteRows],
    ) -> Result<(u64, u64), CloseError> {
        let after = self.sites(source).await?;
        if after != before {
            return Err(CloseError::Changed { day: source.day });
        }
        let written = "SELECT site, count() FROM hits WHERE day = {day:Date} AND \
            gen = {gen:UInt32} GROUP BY site ORDER BY site";
        let written = self.ask(source, generation, written).await?;
        let mut expected = before.iter().filter(|site| site.events > 0);
        let mut equal = true;
        for row in &written {
            let found: (u32, u64) = (number(row, 0)?, number(row, 1)?);
            equal &= expected.next().map(|site| (site.site, site.events)) == Some(found);
        }
        equal &= expected.next().is_none();
        let sums = "SELECT sum(events), sum(visitors), sum(visits) FROM totals WHERE \
            day = {day:Date} AND gen = {gen:UInt32} AND dim = ''";
        let sums = self.ask(source, generation, sums).await?;
        let [sums] = sums.as_slice() else { return Err(CloseError::Shape) };
        let events: u64 = before.iter().map(|site| site.events).sum();
        equal &= events == number::<u64>(sums, 0)?;
        if equal {
            Ok((number(sums, 1)?, number(sums, 2)?))
        } else {
            Err(CloseError::Counts { day: source.day })
        }
    }

    /// Open rows by site.
    async fn sites(&self, source: &Source) -> Result<Vec<SiteRows>, CloseError> {
        let sql = format!(
            "SELECT site, sum(e), sum(g), sumIf(e, visitor = 0), maxIf(e + g, visitor != 0), \
             groupBitXor(f) FROM (SELECT site, visitor, countIf(name != 'engagement') AS e, \
             countIf(name = 'engagement') AS g, \
             groupBitXor(sipHash64(spool, batch, position)) AS f \
             FROM open_events WHERE {} GROUP BY site, visitor) GROUP BY site ORDER BY site",
            source.rows()
        );
        let statement = Statement { sql, params: source.params() };
        let found = self.rows("count", statement).await?;
        let site = |row: &Vec<_>| {
            Ok(SiteRows {
                site: number(row, 0)?,
                events: number(row, 1)?,
                engagements: number(row, 2)?,
                tokenless: number(row, 3)?,
                most: number(row, 4)?,
                fingerprint: number(row, 5)?,
            })
        };
        found.iter().map(site).collect()
    }

    /// A number that no generation has or had.
    async fn next_number(&self) -> Result<u32, CloseError> {
        let sql = format!("SELECT 1 + {LARGEST}");
        let statement = Statement { sql, params: Vec::new() };
        let found = self.rows("number", statement).await?;
        number(found.first().ok_or(CloseError::Shape)?, 0)
    }

    async fn ask(
        &self,
        source: &Source,
        generation: u32,
        sql: &str,
    ) -> Result<Vec<Vec<Value>>, CloseError> {
        let mut statement = of_day(source.day, sql);
        statement.params.push(("gen".to_owned(), Param::U64(u64::from(generation))));
        self.rows("verify", statement).await
    }

    /// Writes down which batches a generation takes, as runs of consecutive numbers; nothing when
    /// its number was given to another meanwhile.
    fn batches(&self, source: &Source, generation: u32) -> Statement {
        let mut params = source.params();
        params.push(("gen".to_owned(), Param::U64(u64::from(generation))));
        let sql = format!(
            "INSERT INTO closed_batches (spool, day, first, last, gen) \
             SELECT spool, {{day:Date}}, min(batch), max(batch), {{gen:UInt32}} FROM (\
             SELECT spool, batch, \
             batch - row_number() OVER (PARTITION BY spool ORDER BY batch) AS run \
             FROM (SELECT DISTINCT spool, batch FROM open_events WHERE {})) \
             WHERE {LARGEST} < {{gen:UInt32}}{} GROUP BY spool, run",
            source.rows(),
            self.unless_taken_over(&mut params),
        );
        Statement { sql, params }
    }

    /// Publishes a generation: one insert of one row, or of none when it is not to be any more.
    fn publication(&self, closed: &Closed, engagements: u64) -> Statement {
        let numbers = [
            ("gen", u64::from(closed.gen_number)),
            ("addition", u64::from(closed.addition)),
            ("rows", closed.rows),
            ("engagements", engagements),
            ("visitors", closed.visitors),
            ("visits", closed.visits),
            ("closed", u64::from(self.now)),
        ];
        let mut params = vec![("day".to_owned(), Param::Date(closed.day))];
        params.extend(numbers.map(|(name, value)| (name.to_owned(), Param::U64(value))));
        // What another process took for the leavings of a kill, it has removed.
        let sql = format!(
            "INSERT INTO closed_days \
             (day, gen, addition, rows, engagements, visitors, visits, closed) \
             SELECT {{day:Date}}, {{gen:UInt32}}, {{addition:UInt8}}, {{rows:UInt64}}, \
             {{engagements:UInt64}}, {{visitors:UInt64}}, {{visits:UInt64}}, \
             {{closed:DateTime('UTC')}} WHERE (SELECT count() FROM hits WHERE day = {{day:Date}} \
             AND gen = {{gen:UInt32}}) = {{rows:UInt64}} AND (SELECT count() FROM closed_batches \
             WHERE day = {{day:Date}} AND gen = {{gen:UInt32}}) > 0{}",
            self.unless_taken_over(&mut params),
        );
        Statement { sql, params }
    }

    /// The end of a condition: nobody has taken the lease, if there is one.
    fn unless_taken_over(&self, params: &mut Vec<(String, Param)>) -> String {
        let Some(owner) = self.watch.owner() else { return String::new() };
        params.push(("owner".to_owned(), Param::Str(owner.to_owned())));
        format!(" AND {}", lease::NOT_TAKEN_OVER)
    }
}
