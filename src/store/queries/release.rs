//! The release run's side of the database: which payments are due to be looked at, and tx 1 of the money rule.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::asked::{self, Look};
use super::{Conn, adopt, cases, continuity, debts, intent, ledger, outbox, paid, settling, sources};
use crate::domain::facts::Fact;
use crate::domain::ids::{MentorId, PaymentId, PaymentKey};
use crate::domain::late;
use crate::domain::lost::to_be_looked_for;
use crate::domain::operation::{OperationState, transfer_key};
use crate::domain::payment::{Pause, PaymentStatus, WaitWhy};
use crate::domain::policy::Policy;
use crate::domain::reason::Reason;
use crate::domain::release::{Case, Decision, decide};
use crate::domain::settle::settle;
use crate::ports::{Claimed, Lease, Picked, Preflighted, StoreError};
use crate::store::db::TxError;
use crate::store::rows::PaymentRow;
use crate::store::schema::{operations, payments};
use crate::store::types::Timestamp;

/// Looks at payments that are due to be looked at, under their locks. Those that may be paid are left alone by others
/// until `revisit_at`: should this daemon die, they are looked at again then.
pub(in crate::store) async fn pick_due(
    conn: &mut Conn,
    limit: i64,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Picked, TxError> {
    let Looked { picked, ready: _, settled } = look_at_due(conn, limit, revisit_at, false, policy, now).await?;
    leave_alone(conn, picked.ready.iter().map(|(_, case)| case.payment.id.0), revisit_at).await?;
    // What a person changed by SQL is posted now; for the others, when they are claimed.
    ledger::post(conn, &settled, policy, now).await?;
    Ok(picked)
}

/// What was looked at, under its locks.
pub(super) struct Looked {
    pub picked: Picked,
    /// The rows of what is ready, in the same order.
    pub ready: Vec<PaymentRow>,
    /// The rows of what was settled.
    pub settled: Vec<PaymentRow>,
}

/// The look itself. With `to_claim`, what the mentors owe stays as it is until the transaction ends.
pub(super) async fn look_at_due(
    conn: &mut Conn,
    limit: i64,
    revisit_at: DateTime<Utc>,
    to_claim: bool,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Looked, TxError> {
    let due = payments::table.filter(payments::next_check_at.le(Timestamp::from(now)));
    let due = due.order(payments::next_check_at).limit(limit).select(PaymentRow::as_select());
    let rows: Vec<PaymentRow> = locked_if_free!(due).load(conn).await?;
    let mut picked = Picked { looked_at: rows.len(), ..Picked::default() };
    let (mut settled, mut ready, mut settlements) = (Vec::new(), Vec::new(), Vec::new());
    if to_claim {
        let mentors: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
        debts::lock(conn, &mentors).await?;
    }
    for (row, case) in rows.iter().zip(cases::load_each(conn, &rows).await?) {
        let case = match case {
            Ok(case) => case,
            Err(error) => {
                put_aside(conn, row.id, &error, now).await?;
                picked.held += 1;
                continue;
            }
        };
        if adopt::look_at(conn, row, &case, policy, now).await? {
            settled.push(row.clone());
            continue;
        }
        match asked::look_at(conn, &case, revisit_at, policy, now).await? {
            Look::ToSend => {
                picked.asked.push(case);
                continue;
            }
            Look::Refused => continue,
            Look::Nothing => {}
        }
        if case.payment.status.is_paid() {
            match paid::look_at(conn, &case, revisit_at, policy, now).await? {
                true => picked.asked.push(case),
                false => settled.push(row.clone()),
            }
            continue;
        }
        let decision = decide(&case, policy, now);
        let settlement = settle(&case, &decision, policy, now);
        match (decision, settlement) {
            (Decision::Release(plan), _) => {
                picked.ready.push((plan, case));
                ready.push(row.clone());
            }
            (decision, Some(settlement)) => {
                let held = matches!(decision, Decision::Hold(_));
                picked.held += usize::from(held);
                picked.waiting += usize::from(!held);
                let mut settlement = settlement;
                if let (true, Some(charge)) = (disputes_unread(&decision), &case.payment.charge_id) {
                    // Its webhook may be lost: asked for now, and again should that fail.
                    picked.disputes_to_read.push(charge.clone());
                    let again = TimeDelta::from_std(policy.retry.preflight).unwrap_or(TimeDelta::MAX);
                    settlement.next_check_at = Some(now + again);
                }
                settlements.push((case.payment.id, settlement));
                settled.push(row.clone());
            }
            (_, None) => {}
        }
    }
    settling::write(conn, &settlements, policy, now).await?;
    Ok(Looked { picked, ready, settled })
}

/// Until then, while their charges are read.
pub(super) async fn leave_alone(
    conn: &mut Conn,
    ready: impl Iterator<Item = i64>,
    until: DateTime<Utc>,
) -> Result<(), TxError> {
    let ids: Vec<i64> = ready.collect();
    if ids.is_empty() {
        return Ok(());
    }
    let free = (payments::status.eq("pending"), payments::hold_reasons.eq(""));
    let set = payments::next_check_at.eq(Timestamp::from(until));
    diesel::update(payments::table.filter(among!(payments::id, ids))).set((free, set)).execute(conn).await?;
    Ok(())
}

fn disputes_unread(decision: &Decision) -> bool {
    matches!(decision, Decision::Hold(reasons) if reasons.contains(&Reason::DisputeUnread))
}

/// A row that cannot be read, most likely changed by hand, waits for a person, and the others go on.
async fn put_aside(conn: &mut Conn, id: i64, error: &StoreError, now: DateTime<Utc>) -> Result<(), TxError> {
    tracing::error!(payment.id = id, %error, "it is held until its row is mended");
    let asleep = (payments::next_check_at.eq(None::<Timestamp>), payments::updated_at.eq(Timestamp::from(now)));
    let error = error.to_string();
    let said = (asleep, payments::transfer_error.eq(&error));
    let row = payments::table.find(id);
    // One that was paid stays paid, whatever became of its row.
    let paid = ["transferred", "carried", "netted", "releasing"];
    diesel::update(row.filter(among!(payments::status, paid))).set(said).execute(conn).await?;
    let held = (payments::status.eq("held"), payments::hold_reasons.eq("unreadable"));
    diesel::update(row.filter(payments::status.ne_all(paid))).set((said, held)).execute(conn).await?;
    Ok(())
}

/// What a run would look at now, without writing.
pub(in crate::store) async fn preview(
    conn: &mut Conn,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<(Case, DateTime<Utc>)>, TxError> {
    let rows: Vec<PaymentRow> = payments::table
        .filter(payments::next_check_at.le(Timestamp::from(now)))
        .order(payments::next_check_at)
        .limit(limit)
        .select(PaymentRow::as_select())
        .load(conn)
        .await?;
    let due: Vec<_> = rows.iter().map(|row| row.next_check_at.map_or(now, DateTime::from)).collect();
    Ok(cases::load(conn, &rows).await?.into_iter().zip(due).collect())
}

/// Tx 1: locks each payment, takes in what Stripe said of its charge, decides again, and commits the intent.
pub(in crate::store) async fn claim(
    conn: &mut Conn,
    ready: &[Preflighted],
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, TxError> {
    // What was read too long ago is not even taken in: the payment is due again by now, and read anew.
    let (ready, stale): (Vec<_>, Vec<_>) = ready.iter().partition(|read| read.is_fresh(policy.retry.lease, now));
    let ids: Vec<i64> = ready.iter().map(|p| p.payment_id.0).collect();
    let free = lock_if_free(conn, &ids).await?;
    let free_ids: HashSet<i64> = free.iter().map(|row| row.id).collect();
    let read = ready.iter().filter(|payment| free_ids.contains(&payment.payment_id.0));
    sources::apply_each(conn, read.flat_map(|payment| &payment.facts), policy, Timestamp::from(now)).await?;
    // Read again under the lock, now with what Stripe said. One that came free only now was not told it, and waits.
    let told: Vec<i64> = free.iter().map(|row| row.id).collect();
    let rows = lock_if_free(conn, &told).await?;
    let mentors: Vec<&str> = rows.iter().filter_map(|row| row.mentor_id.as_deref()).collect();
    debts::lock(conn, &mentors).await?;
    let cases = cases::load(conn, &rows).await?;
    let known_since = continuity::known_since(conn, now).await?;
    let told = |id: PaymentId| ready.iter().find(|p| p.payment_id == id).map_or(&[][..], |p| &p.facts[..]);
    let before = Before::load(conn, rows.iter().map(|row| row.id).collect()).await?;
    let known = rows.iter().map(|row| Known { told: told(PaymentId(row.id)), known_since, before: &before });
    let cases = rows.iter().zip(cases).zip(known);
    let mut claimed = claim_each(conn, cases.collect(), lease, policy, now).await?;
    ledger::post(conn, &rows, policy, now).await?;
    let taken = ids.iter().filter(|id| rows.iter().all(|row| row.id != **id));
    claimed.extend(taken.map(|id| Claimed::Taken(PaymentId(*id))));
    claimed.extend(stale.iter().map(|read| unlooked(read.payment_id, policy, now)));
    Ok(claimed)
}

/// Claims what is locked. Transfers that change nothing but their own payment are written together, at the end.
async fn claim_each(
    conn: &mut Conn,
    cases: Vec<((&PaymentRow, Case), Known<'_>)>,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Vec<Claimed>, TxError> {
    let (mut claimed, mut plain) = (Vec::with_capacity(cases.len()), Vec::with_capacity(cases.len()));
    let mut touched: HashSet<MentorId> = HashSet::new();
    for ((row, mut case), known) in cases {
        // One before it may have paid off the debt, or sent the credit.
        let mentor = case.payment.mentor_id.clone();
        if let Some(mentor) = mentor.filter(|mentor| touched.contains(mentor) && case.position.is_none()) {
            (case.debt, case.credit) = debts::standing(conn, &mentor, case.payment.pay_currency()).await?;
        }
        match claim_one(conn, row, &case, known, lease, policy, now).await? {
            Claim::Plain(planned) => plain.push(*planned),
            Claim::Made(made) => {
                touched.extend(case.payment.mentor_id.clone());
                touched.extend(case.position.as_ref().map(|position| position.mentor_id.clone()));
                claimed.push(made);
            }
        }
    }
    claimed.extend(intent::transfers(conn, plain, lease, now).await?);
    Ok(claimed)
}

/// What claiming a payment came to.
enum Claim {
    /// It is done.
    Made(Claimed),
    /// It is to be transferred, and can be written with others.
    Plain(Box<intent::Planned>),
}

/// What was done about payments before, whatever their rows say: two queries, however many.
pub(super) struct Before {
    /// The generation and state of the latest transfer. Only the latest can be live.
    latest: HashMap<i64, (i32, String)>,
    /// Those that went towards a debt or became credit, all of them.
    measured: HashSet<i64>,
}

impl Before {
    /// Whether nothing was ever done about a payment.
    pub(super) fn is_nothing(&self, payment: i64) -> bool {
        !self.latest.contains_key(&payment) && !self.measured.contains(&payment)
    }

    pub(super) async fn load(conn: &mut Conn, ids: Vec<i64>) -> Result<Self, TxError> {
        let transfers: Vec<(i64, i32, String)> = operations::table
            .filter(among!(operations::payment_id, &ids).and(operations::kind.eq("transfer")))
            .order(operations::generation)
            .select((operations::payment_id.assume_not_null(), operations::generation, operations::state))
            .load(conn)
            .await?;
        let latest = transfers.into_iter().map(|(payment, generation, state)| (payment, (generation, state))).collect();
        Ok(Self { latest, measured: debts::took_all_of(conn, &ids).await? })
    }
}

/// What a claim knows beside the database's facts.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    /// What Stripe just said of the payment.
    pub told: &'a [Fact],
    /// Since when the database knows what was sent.
    pub known_since: DateTime<Utc>,
    /// What was done about the payments before.
    before: &'a Before,
}

impl Known<'_> {
    /// Whether the payment's transfers were looked for at Stripe, where they have to be.
    pub(super) fn has_looked(&self, case: &Case, policy: &Policy, now: DateTime<Utc>) -> bool {
        let looked = self.told.iter().any(|fact| matches!(fact, Fact::GroupRead(_)));
        looked || !to_be_looked_for(&case.payment, self.known_since, policy.retry.key_max_age, now)
    }
}

/// It was not looked at as it has to be: before anybody knew that it has to be looked for, or too long ago. The next look does.
pub(super) fn unlooked(id: PaymentId, policy: &Policy, now: DateTime<Utc>) -> Claimed {
    let again = TimeDelta::from_std(policy.retry.preflight).unwrap_or(TimeDelta::MAX);
    Claimed::Waits(id, Pause { until: now + again, why: WaitWhy::Preflight })
}

async fn lock_if_free(conn: &mut Conn, ids: &[i64]) -> Result<Vec<PaymentRow>, TxError> {
    let wanted = payments::table.filter(among!(payments::id, ids)).order(payments::id).select(PaymentRow::as_select());
    Ok(locked_if_free!(wanted).load(conn).await?)
}

async fn claim_one(
    conn: &mut Conn,
    row: &PaymentRow,
    case: &Case,
    known: Known<'_>,
    lease: &Lease,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Claim, TxError> {
    let id = case.payment.id;
    if adopt::look_at(conn, row, case, policy, now).await? {
        return Ok(Claim::Made(Claimed::Adjusted(id)));
    }
    if let Some(claimed) = asked::claim(conn, row, case, known.told, lease, policy, now).await? {
        return Ok(Claim::Made(claimed));
    }
    match case.payment.status {
        PaymentStatus::Releasing => return Ok(Claim::Made(Claimed::Taken(id))),
        status if status.is_paid() => {
            return paid::claim(conn, row, case, known, lease, policy, now).await.map(Claim::Made);
        }
        _ => {}
    }
    let decision = decide(case, policy, now);
    if let Some(settlement) = settle(case, &decision, policy, now) {
        settling::write(conn, &[(id, settlement)], policy, now).await?;
    }
    match decision {
        Decision::Release(_) if !known.has_looked(case, policy, now) => Ok(Claim::Made(unlooked(id, policy, now))),
        Decision::Release(plan) => {
            let latest = known.before.latest.get(&id.0);
            // The payment's status says otherwise only if somebody set it by hand.
            let is_live = latest.is_some_and(|(_, state)| state != OperationState::Rejected.word());
            if is_live || known.before.measured.contains(&id.0) {
                return Ok(Claim::Made(Claimed::Taken(id)));
            }
            let generation = latest.map_or(0, |(generation, _)| *generation) + 1;
            let key = transfer_key(&PaymentKey::new(&row.payment_key), generation);
            if intent::is_plain(&plan) {
                return Ok(Claim::Plain(Box::new((plan, generation, key))));
            }
            let claimed = intent::transfer(conn, &plan, generation, key, lease, now).await?;
            if matches!(claimed, Claimed::Adjusted(_)) {
                outbox::write(conn, &Vec::from_iter(late::kept(case, &plan)), policy, now).await?;
            }
            Ok(Claim::Made(claimed))
        }
        Decision::Wait(pause) => Ok(Claim::Made(Claimed::Waits(id, pause))),
        Decision::Hold(reasons) => Ok(Claim::Made(Claimed::Held(id, reasons))),
    }
}
