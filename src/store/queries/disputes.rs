//! Disputes as Stripe tells them: the later telling wins, and each turn is told to people in the same transaction.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::told::{self, StampColumns, stamp};
use super::{Conn, outbox};
use crate::domain::dispute_news::{Disputed, news};
use crate::domain::facts::DisputeFact;
use crate::domain::ids::ChargeId;
use crate::domain::policy::Policy;
use crate::store::db::TxError;
use crate::store::rows::{DisputeRow, MentorRow, PaymentRow, utc};
use crate::store::schema::{disputes, mentors, payments};
use crate::store::types::Timestamp;

/// Keeps a dispute, and tells what turned. A telling that is older than what is kept changes nothing and tells nothing.
pub(super) async fn keep(conn: &mut Conn, fact: &DisputeFact, policy: &Policy, now: Timestamp) -> Result<(), TxError> {
    let id = fact.dispute.id.as_str();
    let kept = disputes::table.find(id);
    let kept = kept.select(((disputes::told_at, disputes::rank, disputes::event_id), disputes::status));
    let kept: Option<(StampColumns, String)> = locked!(kept).first(conn).await.optional()?;
    told::keep_dispute(conn, fact).await?;
    let before = match kept {
        Some((kept, _)) if stamp(kept.clone()) >= fact.stamp => return Ok(()),
        kept => kept.map(|(_, status)| status),
    };
    let row = payment_of(conn, fact.dispute.charge_id.as_str()).await?;
    let Some(row) = row else { return Ok(()) };
    let due_by = fact.evidence_due_by.map(Timestamp::from);
    tell(conn, &row, (&fact.dispute, due_by), before.as_deref(), policy, now).await
}

/// The index of disputes that are not over has these words.
const NOT_OVER: &str = "status NOT IN ('won', 'lost', 'warning_closed', 'prevented')";

/// The charges of disputes that are not over and of which nothing was heard since, the longest silent first; those that
/// were asked about since are left out.
pub(in crate::store) async fn unheard(
    conn: &mut Conn,
    stale_before: Timestamp,
    limit: i64,
) -> Result<Vec<ChargeId>, TxError> {
    let charges: Vec<String> = disputes::table
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(NOT_OVER))
        .filter(disputes::told_at.lt(stale_before))
        .filter(disputes::asked_at.is_null().or(disputes::asked_at.lt(stale_before)))
        .order(disputes::told_at)
        .select(disputes::stripe_charge_id)
        .limit(limit)
        .load(conn)
        .await?;
    let mut charges: Vec<ChargeId> = charges.into_iter().map(ChargeId::new).collect();
    charges.dedup();
    Ok(charges)
}

/// Notes that Stripe is asked about them.
pub(in crate::store) async fn asked(conn: &mut Conn, charges: &[ChargeId], now: Timestamp) -> Result<(), TxError> {
    let charges: Vec<&str> = charges.iter().map(ChargeId::as_str).collect();
    let of_charges = disputes::table.filter(among!(disputes::stripe_charge_id, charges));
    diesel::update(of_charges).set(disputes::asked_at.eq(now)).execute(conn).await?;
    Ok(())
}

/// Tells of disputes that were recorded before their payment was.
pub(super) async fn tell_of_new_charge(
    conn: &mut Conn,
    charge: Option<&ChargeId>,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let Some(charge) = charge.map(ChargeId::as_str) else { return Ok(()) };
    let known: Vec<(DisputeRow, Option<Timestamp>)> = disputes::table
        .filter(disputes::stripe_charge_id.eq(charge))
        .order(disputes::stripe_dispute_id)
        .select((DisputeRow::as_select(), disputes::evidence_due_by))
        .load(conn)
        .await?;
    for (dispute, due_by) in known {
        let dispute = dispute.dispute()?;
        let Some(row) = payment_of(conn, charge).await? else { return Ok(()) };
        tell(conn, &row, (&dispute, due_by), None, policy, now).await?;
    }
    Ok(())
}

async fn payment_of(conn: &mut Conn, charge: &str) -> QueryResult<Option<PaymentRow>> {
    let of_charge = payments::table.filter(payments::stripe_charge_id.eq(charge)).select(PaymentRow::as_select());
    of_charge.first(conn).await.optional()
}

async fn tell(
    conn: &mut Conn,
    row: &PaymentRow,
    (dispute, due_by): (&crate::domain::dispute::Dispute, Option<Timestamp>),
    before: Option<&str>,
    policy: &Policy,
    now: Timestamp,
) -> Result<(), TxError> {
    let payment = match row.payment() {
        Ok(payment) => payment,
        Err(error) => {
            // The dispute is kept all the same, and holds the payment.
            tracing::error!(payment.id = row.id, %error, "nobody can be told of its dispute");
            return Ok(());
        }
    };
    let mentor: Option<MentorRow> = match &row.mentor_id {
        Some(id) => mentors::table.find(id).select(MentorRow::as_select()).first(conn).await.optional()?,
        None => None,
    };
    let mentor = mentor.map(MentorRow::mentor);
    let disputed = Disputed { dispute, due_by: utc(due_by), payment: &payment, mentor: mentor.as_ref() };
    outbox::write(conn, &news(&disputed, before, policy), policy, now.into()).await
}
