//! What becomes of one event: the pipeline for each of its sites, then the spool.
//!
//! Judging takes no time but the processor's and holds the request; settling waits for the disk and
//! holds nothing of it but the rows.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::HeaderValue;

use crate::ingest::{self, Facts, Headers, Payload, PayloadError, Prepared, Row, Target};
use crate::model::{Day, KeptBack, Outcome, Refusal, Site, SiteId, now};
use crate::server::limit;
use crate::server::state::State;
use crate::spool::{AppendError, Record};
use crate::store::row;

/// What became of one request.
pub(super) struct Verdict {
    /// One of each site, in the order the sites were named.
    fates: Vec<Fate>,
    pub(super) invalid: Option<PayloadError>,
    /// A part of the body was not read.
    pub(super) ends_connection: bool,
    /// `Tk` of the site, when there is one only and it is known.
    pub(super) tk: Option<HeaderValue>,
}

/// What became of an event at one site.
struct Fate {
    outcome: Outcome,
    /// Where it was taken and is to be stored.
    taken: Option<Taken>,
}

/// The site and its day, and what of the event they do not keep.
type Taken = (SiteId, Day, KeptBackNames);
type KeptBackNames = Vec<(KeptBack, String)>;

impl From<Outcome> for Fate {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, taken: None }
    }
}

impl Verdict {
    pub(super) fn one(outcome: Outcome) -> Self {
        Self { fates: vec![outcome.into()], invalid: None, ends_connection: false, tk: None }
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

    pub(super) fn outcomes(&self) -> impl Iterator<Item = Outcome> {
        self.fates.iter().map(|fate| fate.outcome)
    }

    /// The first outcome that is not `accepted`, else `accepted`.
    pub(super) fn named(&self) -> Outcome {
        self.outcomes().find(|one| *one != Outcome::Accepted).unwrap_or(Outcome::Accepted)
    }

    /// The outcome that decides the status: accepted when any site took the event.
    pub(super) fn deciding(&self) -> Outcome {
        self.outcomes().find(|one| *one == Outcome::Accepted).unwrap_or_else(|| self.named())
    }

    pub(super) fn dropped(&self) -> usize {
        self.outcomes().filter(|one| *one != Outcome::Accepted).count()
    }
}

/// A request that was judged, and what of it is to be stored.
pub(super) struct Judged {
    verdict: Verdict,
    records: Vec<Record>,
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, records: Vec::new() }
    }
}

/// Everything after parsing but the spool: sites, bots, address, token, row.
pub(super) fn judge(
    state: &State,
    payload: &Payload<'_>,
    headers: &Headers<'_>,
    peer: IpAddr,
    by_key: bool,
    allowed: impl Fn(&Site) -> bool,
) -> Judged {
    if payload.opted_out() {
        return Verdict::one(Outcome::OptedOut).into();
    }
    let directory = state.sites.current();
    let Some(directory) = &*directory else {
        return Verdict::one(Outcome::Unavailable).into();
    };
    let at = now();
    let facts = Facts { headers, peer, by_key };
    let lookups = state.lookups.load();
    let count = payload.sites().len();
    let (mut fates, mut records) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut prepared, mut tk) = (None, None);
    for name in payload.sites() {
        let Some(site) = directory.by_domain(name).filter(|site| allowed(site)) else {
            fates.push(Outcome::UnknownSite.into());
            continue;
        };
        if count == 1 {
            tk = Some(state.statuses.of(site));
        }
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
            // What a page reports about itself carries no token: no key is needed.
            let key = if payload.is_report() { None } else { state.keys.of(site.id, &moment, at) };
            let key = key.as_deref().map(|key| &**key);
            let target = Target { site, rules: &rules, key, moment: &moment, now: at };
            take(state, (prepared, payload), &target, by_key, &mut records)
        });
        fates.push(match judged {
            Ok(kept_back) => {
                let taken = Some((site.id, moment.day, kept_back));
                Fate { outcome: Outcome::Accepted, taken }
            }
            Err(refusal) => {
                state.outcomes.add(site.id, moment.day, refusal);
                refusal.outcome.into()
            }
        });
    }
    if let Some(Ok(prepared)) = &prepared
        && prepared.untrusted_forwarded()
    {
        state.note_untrusted_proxy(peer);
    }
    Judged { verdict: Verdict { fates, invalid: None, ends_connection: false, tk }, records }
}

/// Makes what was taken durable. Nothing of the request is held meanwhile but its rows.
pub(super) async fn settle(state: &State, judged: Judged) -> Verdict {
    let Judged { mut verdict, records } = judged;
    let refused = append(state, records).await;
    for fate in &mut verdict.fates {
        let Some((site, day, kept_back)) = fate.taken.take() else { continue };
        if let Some(refused) = refused {
            fate.outcome = refused;
            state.outcomes.add(site, day, refused.into());
            continue;
        }
        // Only now: a refused event may be sent again.
        for (what, name) in kept_back {
            state.outcomes.keep_back(site, day, what, name);
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

/// The last steps for one site: row, caps, records. Answers what of the event is in none of them.
fn take(
    state: &State,
    (prepared, payload): (&Prepared<'_>, &Payload<'_>),
    target: &Target<'_>,
    by_key: bool,
    records: &mut Vec<Record>,
) -> Result<KeptBackNames, Refusal> {
    let mut reduced = ingest::reduce(prepared, payload, target)?;
    state.caps.apply(&mut reduced);
    match reduced.row {
        Row::Event(mut event) => {
            event.by_key = by_key;
            records.push(row::event_record(&event));
        }
        Row::Vitals(vitals) => records.extend(vitals.iter().map(row::vital_record)),
        Row::ScriptError(error) => records.push(row::script_error_record(&error)),
    }
    Ok(reduced.kept_back)
}
