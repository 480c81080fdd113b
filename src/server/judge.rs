//! What becomes of one event: the pipeline for each of its sites, then the spool.
//!
//! Judging takes no time but the processor's and holds the request; settling waits for the disk and
//! holds nothing of it but the rows.

use std::net::IpAddr;

use hyper::body::Incoming;
use hyper::header::HeaderValue;

use crate::account::ApiKey;
use crate::ingest::adapters::Named;
use crate::ingest::{self, Facts, Headers, Payload, PayloadError, Prepared, Row, Target, address};
use crate::model::{Day, KeptBack, LocalMoment, Outcome, Refusal, Site, SiteId, day, now};
use crate::server::limit;
use crate::server::state::State;
use crate::spool::{AppendError, Record};
use crate::store::row;

/// Who sent an event.
pub(super) struct Sender<'a> {
    /// The headers of the request; of the visitor, when whoever has a key names one.
    pub(super) headers: &'a Headers<'a>,
    /// The other end of the connection.
    pub(super) peer: IpAddr,
    /// The send key that came with it.
    pub(super) key: Option<&'a ApiKey>,
    /// The visitor's address, as the holder of the key names it.
    pub(super) named: Option<IpAddr>,
    /// When it happened, seconds since 1970 UTC: now, or as the holder of the key says.
    pub(super) at: u32,
}

const NO_ADDRESS: PayloadError =
    PayloadError { field: "ip", message: "is no address: write 203.0.113.9 or 2001:db8::1" };

/// How far ahead of our clock an event may lie that names its time, in seconds.
const AHEAD_MAX: i64 = 300;
/// How old an event may be that names its time, in seconds, if its site's day is over.
pub(super) const AGE_MAX: u32 = 86_400;
/// The longest day there is, in seconds: one on which clocks are set back.
const DAY_MAX: i64 = 25 * 3_600;
const TOO_OLD: PayloadError =
    PayloadError { field: "timestamp", message: "is more than 24 hours ago" };

/// The moment that an event names, if any site can take it: not older than a day, and nothing of
/// what is to come but the difference of two clocks.
///
/// # Errors
/// When it cannot.
pub(super) fn moment(named: i64, now: u32) -> Result<u32, PayloadError> {
    const FIELD: &str = "timestamp";
    let now = i64::from(now);
    if named > now + AHEAD_MAX {
        return Err(PayloadError { field: FIELD, message: "lies more than 5 minutes ahead" });
    }
    if named < now - DAY_MAX {
        return Err(TOO_OLD);
    }
    let unfit = PayloadError { field: FIELD, message: "is no time" };
    u32::try_from(named.min(now)).map_err(|_| unfit)
}

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

    /// What is understood and not counted.
    pub(super) fn nothing() -> Self {
        Self { fates: Vec::new(), invalid: None, ends_connection: false, tk: None }
    }

    /// What cannot be read.
    pub(super) fn wrong(error: PayloadError) -> Self {
        Self { invalid: Some(error), ..Self::one(Outcome::Invalid) }
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
pub(super) fn judge(state: &State, payload: &Payload<'_>, sender: &Sender<'_>) -> Judged {
    if payload.opted_out() {
        return Verdict::one(Outcome::OptedOut).into();
    }
    let directory = state.sites.current();
    let Some(directory) = &*directory else {
        return Verdict::one(Outcome::Unavailable).into();
    };
    let (now, at, by_key) = (now(), sender.at, sender.key.is_some());
    let Sender { headers, peer, named, .. } = *sender;
    let facts = Facts { headers, peer, by_key, named };
    let allowed = |site: &&Site| sender.key.is_none_or(|key| key.covers(site.id));
    let host = payload.host();
    let lookups = state.lookups.load();
    let count = payload.sites().len();
    let (mut fates, mut records) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let (mut prepared, mut tk, mut invalid) = (None, None, None);
    let mut seen: Vec<SiteId> = Vec::new();
    for name in payload.sites() {
        let Some(site) = directory.named(name, host).filter(allowed) else {
            fates.push(Outcome::UnknownSite.into());
            continue;
        };
        if count == 1 {
            tk = Some(state.statuses.of(site));
        } else if seen.contains(&site.id) {
            // Two names of one site: it counts the event once.
            continue;
        } else {
            seen.push(site.id);
        }
        let today = state.moments.of(site, now);
        let (moment, is_today) = within(&today, at, site);
        if !is_today && now.saturating_sub(at) > AGE_MAX {
            invalid = Some(TOO_OLD);
            state.outcomes.add(site.id, today.day, Outcome::Invalid.into());
            fates.push(Outcome::Invalid.into());
            continue;
        }
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
            let keyless = payload.is_report() || !is_today;
            let key = if keyless { None } else { state.keys.of(site.id, &moment, now) };
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
    Judged { verdict: Verdict { fates, invalid, ends_connection: false, tk }, records }
}

/// The same for whoever has a send key, who may name the visitor's address and User-Agent and the
/// moment: in the event, or as its headers `X-Forwarded-For` and `User-Agent`.
pub(super) fn judge_named(
    state: &State,
    payload: &Payload<'_>,
    named: &Named<'_>,
    (headers, peer, key): (&Headers<'_>, IpAddr, &ApiKey),
) -> Judged {
    // What is wrong with a moment is said of the field in which it was named.
    let of_time = |error: PayloadError| PayloadError { field: named.at_field, ..error };
    let at = match named.at.map_or(Ok(now()), |at| moment(at, now())) {
        Ok(at) => at,
        Err(error) => return Verdict::wrong(of_time(error)).into(),
    };
    let address = match named.address.as_deref().map(address::read) {
        Some(None) => return Verdict::wrong(NO_ADDRESS).into(),
        Some(read) => read,
        // Of whom these headers tell is the server's proxy's business.
        None if payload.of_server => None,
        None => address::first_named(headers),
    };
    let visitor = named.user_agent.as_ref().map(|agent| headers.of_visitor(agent.as_bytes()));
    let headers = visitor.as_ref().unwrap_or(headers);
    let sender = Sender { headers, peer, key: Some(key), named: address, at };
    let mut judged = judge(state, payload, &sender);
    judged.verdict.invalid = judged.verdict.invalid.map(of_time);
    judged
}

/// Where a moment is in the calendar of a site, and whether it is in the running day: without a key
/// of its day an event carries no token.
fn within(today: &LocalMoment, at: u32, site: &Site) -> (LocalMoment, bool) {
    let is_today = (today.day_start..today.day_end).contains(&at);
    (if is_today { day::at(today, at) } else { day::locate(at, &site.zone) }, is_today)
}

/// Makes what was taken durable, of several events all or none. Nothing of the request is held
/// meanwhile but its rows.
pub(super) async fn settle_all(state: &State, judged: Vec<Judged>) -> Vec<Verdict> {
    let mut records = Vec::new();
    let mut verdicts = Vec::with_capacity(judged.len());
    for mut one in judged {
        records.append(&mut one.records);
        verdicts.push(one.verdict);
    }
    let refused = append(state, records).await;
    for verdict in &mut verdicts {
        tell(state, verdict, refused);
    }
    verdicts
}

/// Makes what was taken durable. Nothing of the request is held meanwhile but its rows.
pub(super) async fn settle(state: &State, judged: Judged) -> Verdict {
    let Judged { mut verdict, records } = judged;
    let refused = append(state, records).await;
    tell(state, &mut verdict, refused);
    verdict
}

/// What the spool said, to each of the sites.
fn tell(state: &State, verdict: &mut Verdict, refused: Option<Outcome>) {
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
