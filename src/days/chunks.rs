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
}

impl Chunk {
    /// Whether it holds only a part of its site's visitors.
    pub(super) const fn is_slice(&self) -> bool {
        self.hash_low != 0 || self.hash_high != u64::MAX
    }
}

/// The chunks of `sites` (ordered by number), each of about `most` rows or fewer.
pub(super) fn plan(sites: &[SiteRows], most: u64) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for site in sites {
        let rows = site.events + site.engagements;
        let tokenless = site.tokenless > 0;
        match chunks.last_mut() {
            Some(chunk) if !chunk.is_slice() && chunk.rows + rows <= most => {
                chunk.high = site.site;
                chunk.rows += rows;
                chunk.tokenless |= tokenless;
            }
            _ => chunks.extend(slices(site, rows.div_ceil(most.max(1)).max(1))),
        }
    }
    chunks
}

fn slices(site: &SiteRows, count: u64) -> impl Iterator<Item = Chunk> {
    let rows = (site.events + site.engagements) / count;
    let width = u64::MAX / count;
    let SiteRows { site, tokenless, .. } = *site;
    (0..count).map(move |number| Chunk {
        low: site,
        high: site,
        hash_low: width * number,
        hash_high: if number + 1 == count { u64::MAX } else { width * (number + 1) - 1 },
        rows,
        tokenless: tokenless > 0 && number == 0,
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
