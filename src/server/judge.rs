//! What becomes of one event: the pipeline for each of its sites, then the spool.
//!
//! Judging takes no time but the processor's and holds the request; settling waits for the disk and
//! holds nothing of it but the rows.

use std::net::IpAddr;

use hyper::body::Incoming;

use crate::ingest::{
    self, Facts, Headers, Payload, PayloadError, Prepared, Reduced, Row, SiteRules, Target,
};
use crate::model::{Day, KeptBack, LocalMoment, Outcome, Refusal, Site, SiteId, now};
use crate::server::limit;
use crate::server::state::State;
use crate::spool::{AppendError, Record};
use crate::store::row;

/// What became of one request: an outcome a site, in the order the sites were named.
pub(super) struct Verdict {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) invalid: Option<PayloadError>,
    /// A part of the body was not read.
    pub(super) ends_connection: bool,
    /// The site, when there is one only and it is known.
    pub(super) site: Option<String>,
}

impl Verdict {
    pub(super) fn one(outcome: Outcome) -> Self {
        Self { outcomes: vec![outcome], invalid: None, ends_connection: false, site: None }
    }

    /// What is known before the body: it is read and forgotten, if it is there.
    pub(super) async fn before_body(self, body: Incoming) -> Self {
        let whole = limit::discard(body, limit::BROWSER_BODY_BYTES_MAX).await;
        Self { ends_connection: !whole, ..self }
    }

    /// The body was not read to its end.
    pub(super) fn amid_body(self) -> Self {
        Self { ends_connection: true, ..self }
    }

    /// The first outcome that is not `accepted`, else `accepted`.
    pub(super) fn named(&self) -> Outcome {
        let other = self.outcomes.iter().copied().find(|one| *one != Outcome::Accepted);
        other.unwrap_or(Outcome::Accepted)
    }

    /// The outcome that decides the status: accepted when any site took the event.
    pub(super) fn deciding(&self) -> Outcome {
        if self.outcomes.contains(&Outcome::Accepted) { Outcome::Accepted } else { self.named() }
    }

    pub(super) fn dropped(&self) -> usize {
        self.outcomes.iter().filter(|one| **one != Outcome::Accepted).count()
    }
}

/// A site that took an event, on its day, and what of the event it does not keep.
type Taken = (SiteId, Day, Vec<(KeptBack, String)>);

/// A request that was judged, and what of it is to be stored.
pub(super) struct Judged {
    verdict: Verdict,
    records: Vec<Record>,
    /// The sites that took it, with what they do not keep.
    taken: Vec<Taken>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, records: Vec::new(), taken: Vec::new() }
    }
}

/// Everything after parsing but the spool: sites, bots, address, token, row.
pub(super) fn judge(
    state: &State,
    payload: &Payload,
    headers: &Headers<'_>,
    peer: IpAddr,
    by_key: bool,
    allowed: impl Fn(&Site) -> bool,
) -> Judged {
    if payload.opted_out() {
        return Verdict::one(Outcome::OptedOut).into();
    }
    let Some(directory) = state.sites.snapshot() else {
        return Verdict::one(Outcome::Unavailable).into();
    };
    let at = now();
    let facts = Facts { headers, peer, by_key };
    let lookups = state.lookups.load();
    let mut outcomes = Vec::with_capacity(payload.sites().len());
    let mut records: Vec<Record> = Vec::new();
    let mut taken = Vec::new();
    let mut prepared = None;
    for name in payload.sites() {
        let Some(site) = directory.by_domain(name).filter(|site| allowed(site)) else {
            outcomes.push(Outcome::UnknownSite);
            continue;
        };
        let moment = state.moments.of(site, at);
        let rules = state.rules.of(site);
        let judged = ingest::admit(payload, site, &rules).and_then(|()| {
            if !by_key {
                state.within_rate(site.id, headers, peer)?;
            }
            let prepared = prepared.get_or_insert_with(|| {
                ingest::prepare(&facts, payload, &state.ingest_context(&lookups))
            });
            let prepared = prepared.as_ref().map_err(|refusal| *refusal)?;
            reduce(state, prepared, payload, (site, &rules), &moment, at)
        });
        match judged {
            Ok(reduced) => {
                records.extend(sealed(reduced.row, by_key));
                taken.push((site.id, moment.day, reduced.kept_back));
                outcomes.push(Outcome::Accepted);
            }
            Err(refusal) => {
                state.outcomes.add(site.id, moment.day, refusal);
                outcomes.push(refusal.outcome);
            }
        }
    }
    if let Some(Ok(prepared)) = &prepared
        && prepared.untrusted_forwarded()
    {
        state.note_untrusted_proxy(peer);
    }
    let site = match payload.sites() {
        [name] => directory.by_domain(name).filter(|site| allowed(site)),
        _ => None,
    };
    let site = site.map(|site| site.domain.clone());
    let verdict = Verdict { outcomes, invalid: None, ends_connection: false, site };
    Judged { verdict, records, taken }
}

/// Makes what was taken durable. Nothing of the request is held meanwhile but its rows.
pub(super) async fn settle(state: &State, judged: Judged) -> Verdict {
    let Judged { mut verdict, records, taken } = judged;
    if let Some(refused) = append(state, records).await {
        for outcome in verdict.outcomes.iter_mut().filter(|one| **one == Outcome::Accepted) {
            *outcome = refused;
        }
        for (site, day, _) in taken {
            state.outcomes.add(site, day, refused.into());
        }
    } else {
        // Only now: a refused event may be sent again.
        for (site, day, kept_back) in taken {
            for (what, name) in kept_back {
                state.outcomes.keep_back(site, day, what, name);
            }
        }
    }
    verdict
}

/// Puts records into the spool; the outcome when it does not take them.
async fn append(state: &State, records: Vec<Record>) -> Option<Outcome> {
    if records.is_empty() {
        return None;
    }
    state.spool.append(records).await.err().map(|error| match error {
        AppendError::Full => Outcome::SpoolFull,
        AppendError::Unavailable => Outcome::Unavailable,
        AppendError::TooLarge => Outcome::TooLarge,
    })
}

/// The last steps for one site: token, row, caps.
fn reduce(
    state: &State,
    prepared: &Prepared,
    payload: &Payload,
    (site, rules): (&Site, &SiteRules),
    moment: &LocalMoment,
    at: u32,
) -> Result<Reduced, Refusal> {
    // What a page reports about itself carries no token: no key is needed.
    let key = if payload.is_report() { None } else { state.keys.of(site.id, moment, at) };
    let key = key.as_deref().map(|key| &**key);
    let target = Target { site, rules, key, moment, now: at };
    let mut reduced = ingest::reduce(prepared, payload, &target)?;
    state.caps.apply(&mut reduced);
    Ok(reduced)
}

/// The records of a row.
fn sealed(row: Row, by_key: bool) -> Vec<Record> {
    match row {
        Row::Event(mut event) => {
            event.by_key = by_key;
            vec![row::event_record(&event)]
        }
        Row::Vitals(vitals) => vitals.iter().map(row::vital_record).collect(),
        Row::ScriptError(error) => vec![row::script_error_record(&error)],
    }
}
