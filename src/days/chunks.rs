//! Cuts the open rows of a day into chunks that fit into memory.
//!
//! Small sites go together, in the order of their numbers. A site that is too big for one chunk is
//! cut by the keyed hash of its visitors, into slices of about equal size: all rows of a visitor
//! are in one slice, and the visitors of a slice come behind those of the slices below it.

/// Rows of one site and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SiteRows {
    /// Number of the site.
    pub(super) site: u32,
    /// Rows other than engagement.
    pub(super) events: u64,
    /// Engagement rows.
    pub(super) engagements: u64,
    /// Rows other than engagement that have no token.
    pub(super) tokenless: u64,
    /// Rows of the visitor with most of them.
    pub(super) most: u64,
    /// Differs when other rows are there, even as many.
    pub(super) fingerprint: u64,
}

/// What one statement takes: sites, and for a slice the hashes of their visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    /// First site.
    pub(super) low: u32,
    /// Last site.
    pub(super) high: u32,
    /// Least hash.
    pub(super) hash_low: u64,
    /// Largest hash.
    pub(super) hash_high: u64,
    /// Rows, those without a token among them; of a slice, its share.
    pub(super) rows: u64,
    /// Whether rows without a token are to be taken with it.
    pub(super) tokenless: bool,
    /// Whether a visitor of its sites has more than `heavy_above` rows.
    pub(super) heavy: bool,
    /// Most rows of a visitor that is taken together with others.
    pub(super) heavy_above: u64,
    /// Of a slice, the largest ordinal of its site before it; known when its turn comes.
    pub(super) before: u64,
}

impl Chunk {
    /// Whether it holds only a part of its site's visitors.
    pub(super) const fn is_slice(&self) -> bool {
        self.hash_low != 0 || self.hash_high != u64::MAX
    }
}

/// A visitor with more than this part of a chunk's rows is heavy: it is taken by other means.
const VISITORS_PER_CHUNK: u64 = 50;

/// The chunks of `sites` (ordered by number), each of about `most` rows or fewer.
pub(super) fn plan(sites: &[SiteRows], most: u64) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let heavy_above = (most / VISITORS_PER_CHUNK).max(1);
    for site in sites {
        let rows = site.events + site.engagements;
        let tokenless = site.tokenless > 0;
        let heavy = site.most > heavy_above;
        match chunks.last_mut() {
            Some(chunk) if !chunk.is_slice() && chunk.rows + rows <= most => {
                chunk.high = site.site;
                chunk.rows += rows;
                chunk.tokenless |= tokenless;
                chunk.heavy |= heavy;
            }
            _ => chunks.extend(slices(site, rows.div_ceil(most.max(1)).max(1), heavy_above)),
        }
    }
    chunks
}

fn slices(site: &SiteRows, count: u64, heavy_above: u64) -> impl Iterator<Item = Chunk> {
    let rows = (site.events + site.engagements) / count;
    let width = u64::MAX / count;
    let SiteRows { site, tokenless, most, .. } = *site;
    (0..count).map(move |number| Chunk {
        low: site,
        high: site,
        hash_low: width * number,
        hash_high: if number + 1 == count { u64::MAX } else { width * (number + 1) - 1 },
        rows,
        tokenless: tokenless > 0 && number == 0,
        heavy: most > heavy_above,
        heavy_above,
        before: 0,
    })
}

/// The same, but with every site whole.
pub(super) fn by_site(sites: &[SiteRows], most: u64) -> Vec<Chunk> {
    let mut chunks = plan(sites, most);
    chunks.dedup_by(|next, chunk| {
        let same = next.low == chunk.low;
        if same {
            chunk.rows += next.rows;
            (chunk.hash_low, chunk.hash_high) = (0, u64::MAX);
        }
        same
    });
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(site: u32, events: u64, tokenless: u64) -> SiteRows {
        SiteRows { site, events, engagements: 0, tokenless, most: 0, fingerprint: 0 }
    }

    #[test]
    fn small_sites_go_together_and_in_order() {
        let chunks = plan(&[site(1, 40, 0), site(3, 60, 5), site(7, 1, 0), site(9, 99, 0)], 100);
        let found: Vec<_> = chunks.iter().map(|c| (c.low, c.high, c.rows, c.tokenless)).collect();
        assert_eq!(found, [(1, 3, 100, true), (7, 9, 100, false)]);
        assert!(chunks.iter().all(|chunk| !chunk.is_slice()));
    }

    #[test]
    fn a_big_site_is_cut_into_slices_that_hold_every_hash_once() {
        let chunks = plan(&[site(1, 10, 0), site(2, 301, 1), site(3, 10, 0)], 100);
        assert_eq!(chunks.len(), 6);
        let slices = &chunks[1..5];
        assert_eq!((slices[0].hash_low, slices[3].hash_high), (0, u64::MAX));
        for pair in slices.windows(2) {
            assert_eq!(pair[0].hash_high + 1, pair[1].hash_low);
        }
        assert!(slices.iter().all(|slice| slice.is_slice() && (slice.low, slice.high) == (2, 2)));
        let tokenless = slices.iter().filter(|slice| slice.tokenless).count();
        assert_eq!(tokenless, 1, "rows without a token are taken once");
        assert_eq!(chunks[5].low, 3, "nothing joins a slice");
    }

    #[test]
    fn a_chunk_knows_whether_a_visitor_has_very_many_rows() {
        let many = SiteRows { most: 3, ..site(2, 30, 0) };
        let found = |most| -> Vec<bool> {
            plan(&[site(1, 30, 0), many, site(9, 80, 0)], most).iter().map(|c| c.heavy).collect()
        };
        assert_eq!(found(100), [true, false]);
        assert_eq!(found(149), [true]);
        assert_eq!(found(150), [false]);
    }

    #[test]
    fn by_site_no_site_is_cut() {
        let chunks = by_site(&[site(1, 10, 0), site(2, 301, 1), site(3, 10, 0)], 100);
        let found: Vec<_> = chunks.iter().map(|c| (c.low, c.high, c.is_slice())).collect();
        assert_eq!(found, [(1, 1, false), (2, 2, false), (3, 3, false)]);
        assert_eq!(plan(&[], 100), []);
        assert_eq!(plan(&[site(1, 5, 0)], 0).len(), 5, "a chunk of nothing is one of a row");
    }
}
