//! Comparing with Stripe: what is kept of a page of ids, what is kept of a span of time, and the discrepancies' rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, adopt, cases, ledger, project};
use crate::domain::discrepancy::{Compared, Discrepancy, DiscrepancyKind, Kept, compare, id_of};
use crate::domain::facts::Fact;
use crate::domain::ids::{AccountId, ChargeId, PaymentId};
use crate::domain::lost::paid_by;
use crate::domain::policy::Policy;
use crate::ports::{KeptRow, OpenDiscrepancy, Span};
use crate::store::db::TxError;
use crate::store::rows::{PaymentRow, corrupt};
use crate::store::schema::{discrepancies, disputes, operations, payments, payouts, refunds, transfers};
use crate::store::types::Timestamp;

/// Compares a page.
pub(in crate::store) async fn compared(
    conn: &mut Conn,
    there: &[(Fact, DateTime<Utc>)],
) -> Result<Vec<Discrepancy>, TxError> {
    let mut kept = HashMap::new();
    let ids = |wanted: fn(&Fact) -> bool| -> Vec<&str> {
        there.iter().filter(|(fact, _)| wanted(fact)).filter_map(|(fact, _)| id_of(fact)).collect()
    };
    kept_transfers(conn, &ids(|fact| matches!(fact, Fact::Transfer(_))), &mut kept).await?;
    kept_others(conn, there, &mut kept).await?;
    Ok(there.iter().flat_map(|(fact, at)| compare(fact, id_of(fact).and_then(|id| kept.get(id)), *at)).collect())
}

async fn kept_transfers(conn: &mut Conn, ids: &[&str], kept: &mut HashMap<String, Kept>) -> Result<(), TxError> {
    if ids.is_empty() {
        return Ok(());
    }
    type Row = (String, Option<String>, String, i64, i64, String, Option<String>);
    let rows: Vec<Row> = transfers::table
        .filter(among!(transfers::stripe_transfer_id, ids))
        .select((
            transfers::stripe_transfer_id,
            transfers::stripe_charge_id,
            transfers::destination,
            transfers::amount,
            transfers::amount_reversed,
            transfers::currency,
            transfers::operation_key,
        ))
        .load(conn)
        .await?;
    let keys: Vec<&str> = rows.iter().filter_map(|row| row.6.as_deref()).filter(|key| paid_by(key).is_some()).collect();
    // One that is under way is no discrepancy: its outcome is about to be known.
    let answered = operations::table.filter(among!(operations::idempotency_key, &keys));
    let answered = answered.filter(operations::state.ne("rejected")).select(operations::idempotency_key);
    let answered: Vec<String> = answered.load(conn).await?;
    let charges: Vec<&str> = rows.iter().filter_map(|row| row.1.as_deref()).collect();
    let of_charge = payments_of(conn, &charges).await?;
    for (id, charge, destination, amount, reversed, currency, key) in &rows {
        let ours = key.as_ref().filter(|key| paid_by(key).is_some());
        let entry = Kept {
            object_id: id.clone(),
            payment: charge.as_ref().and_then(|charge| of_charge.get(charge)).copied(),
            amount: *amount,
            currency: currency.clone(),
            destination: Some(destination.clone()),
            reversed: Some(*reversed),
            status: None,
            unanswered: ours.is_some_and(|key| !answered.contains(key)),
        };
        kept.insert(id.clone(), entry);
    }
    Ok(())
}

async fn payments_of(conn: &mut Conn, charges: &[&str]) -> Result<HashMap<String, PaymentId>, TxError> {
    let of = payments::table.filter(among!(payments::stripe_charge_id, charges));
    let of: Vec<(Option<String>, i64)> = of.select((payments::stripe_charge_id, payments::id)).load(conn).await?;
    Ok(of.into_iter().filter_map(|(charge, id)| Some((charge?, PaymentId(id)))).collect())
}

type Other = (String, Option<String>, i64, String, String);

async fn kept_others(
    conn: &mut Conn,
    there: &[(Fact, DateTime<Utc>)],
    kept: &mut HashMap<String, Kept>,
) -> Result<(), TxError> {
    let of = |wanted: fn(&Fact) -> bool| -> Vec<&str> {
        there.iter().filter(|(fact, _)| wanted(fact)).filter_map(|(fact, _)| id_of(fact)).collect()
    };
    let mut rows: Vec<Other> = refunds::table
        .filter(among!(refunds::stripe_refund_id, of(|fact| matches!(fact, Fact::Refund(_)))))
        .select((
            refunds::stripe_refund_id,
            refunds::stripe_charge_id.nullable(),
            refunds::amount,
            refunds::currency,
            refunds::status,
        ))
        .load(conn)
        .await?;
    let of_disputes = disputes::table
        .filter(among!(disputes::stripe_dispute_id, of(|fact| matches!(fact, Fact::Dispute(_)))))
        .select((
            disputes::stripe_dispute_id,
            disputes::stripe_charge_id.nullable(),
            disputes::amount,
            disputes::currency,
            disputes::status,
        ));
    rows.extend(of_disputes.load::<Other>(conn).await?);
    let of_payouts =
        payouts::table.filter(among!(payouts::stripe_payout_id, of(|fact| matches!(fact, Fact::Payout(_))))).select((
            payouts::stripe_payout_id,
            diesel::dsl::sql::<diesel::sql_types::Nullable<diesel::sql_types::Text>>("NULL"),
            payouts::amount,
            payouts::currency,
            payouts::status,
        ));
    rows.extend(of_payouts.load::<Other>(conn).await?);
    let charges: Vec<&str> = rows.iter().filter_map(|row| row.1.as_deref()).collect();
    let of_charge = payments_of(conn, &charges).await?;
    for (id, charge, amount, currency, status) in &rows {
        let entry = Kept {
            object_id: id.clone(),
            payment: charge.as_ref().and_then(|charge| of_charge.get(charge)).copied(),
            amount: *amount,
            currency: currency.clone(),
            destination: None,
            reversed: None,
            status: Some(status.clone()),
            unanswered: false,
        };
        kept.insert(id.clone(), entry);
    }
    Ok(())
}

/// A page of what is kept of a span of time, by time and id, each with what it is of.
macro_rules! page_of {
    ($conn:expr, $table:ident, $id:ident, $at:ident, $of:expr, $span:expr, $after:expr, $limit:expr) => {{
        let (since, until) = (Timestamp::from($span.since), Timestamp::from($span.until));
        let (at, id) = match $after {
            Some(row) => (Timestamp::from(row.at), row.stripe_id.clone()),
            None => (since, String::new()),
        };
        let rows: Vec<(String, Timestamp, Option<String>)> = $table::table
            .filter($table::$at.ge(since).and($table::$at.lt(until)))
            .filter($table::$at.gt(at).or($table::$at.eq(at).and($table::$id.gt(id))))
            .order(($table::$at, $table::$id))
            .limit($limit)
            .select(($table::$id, $table::$at, $of))
            .load($conn)
            .await?;
        rows
    }};
}

/// What is kept of a span of time.
pub(in crate::store) async fn kept(
    conn: &mut Conn,
    what: Compared,
    span: Span,
    after: Option<&KeptRow>,
    limit: i64,
) -> Result<Vec<KeptRow>, TxError> {
    let rows = match what {
        Compared::Transfer => {
            let charge = transfers::stripe_charge_id;
            page_of!(conn, transfers, stripe_transfer_id, created_at, charge, span, after, limit)
        }
        Compared::Refund => {
            let charge = refunds::stripe_charge_id.nullable();
            page_of!(conn, refunds, stripe_refund_id, told_at, charge, span, after, limit)
        }
        Compared::Dispute => {
            let charge = disputes::stripe_charge_id.nullable();
            page_of!(conn, disputes, stripe_dispute_id, told_at, charge, span, after, limit)
        }
        Compared::Payout => {
            let account = payouts::stripe_account_id;
            page_of!(conn, payouts, stripe_payout_id, told_at, account, span, after, limit)
        }
    };
    let row = |(stripe_id, at, of): (String, Timestamp, Option<String>)| {
        let (charge, account) = match what {
            Compared::Payout => (None, of.map(AccountId::new)),
            _ => (of.map(ChargeId::new), None),
        };
        KeptRow { stripe_id, at: at.into(), charge, account }
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Connected accounts with payouts of a span of time.
pub(in crate::store) async fn accounts_paid_out(
    conn: &mut Conn,
    span: Span,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, TxError> {
    let accounts: Vec<Option<String>> = payouts::table
        .filter(payouts::told_at.ge(Timestamp::from(span.since)).and(payouts::told_at.lt(Timestamp::from(span.until))))
        .filter(payouts::stripe_account_id.gt(after))
        .select(payouts::stripe_account_id)
        .distinct()
        .order(payouts::stripe_account_id)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(accounts.into_iter().flatten().collect())
}

/// Takes in what Stripe has, and adopts transfers that carry a payment's own key.
pub(in crate::store) async fn take_in(
    conn: &mut Conn,
    facts: &[Fact],
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    project::apply_all(conn, facts, policy, now).await?;
    let keys = facts.iter().filter_map(|fact| match fact {
        Fact::Transfer(transfer) => transfer.operation_key.as_deref().and_then(paid_by),
        _ => None,
    });
    for key in keys.map(|(_, key, _)| key) {
        let row = payments::table.filter(payments::payment_key.eq(key.as_str())).select(PaymentRow::as_select());
        let row: Option<PaymentRow> = locked!(row).first(conn).await.optional()?;
        let Some(row) = row else { continue };
        let case = cases::load(conn, std::slice::from_ref(&row)).await?.pop();
        let Some(case) = case else { continue };
        if adopt::look_at(conn, &row, &case, policy, now).await? {
            ledger::post_ids(conn, &[row.id], policy, now).await?;
        }
    }
    Ok(())
}

/// Records what was found.
pub(in crate::store) async fn note(conn: &mut Conn, found: &[Discrepancy], now: DateTime<Utc>) -> Result<i64, TxError> {
    let at = Timestamp::from(now);
    let mut new = 0;
    for d in found {
        let words = (discrepancies::here.eq(&d.here), discrepancies::there.eq(&d.there), discrepancies::seen_at.eq(at));
        let open = discrepancies::table
            .filter(discrepancies::stripe_id.eq(&d.object_id).and(discrepancies::kind.eq(d.kind.word())))
            .filter(discrepancies::closed_at.is_null());
        if diesel::update(open).set(words).execute(conn).await? > 0 {
            continue;
        }
        diesel::insert_into(discrepancies::table)
            .values((
                discrepancies::kind.eq(d.kind.word()),
                discrepancies::subject.eq(d.subject.word()),
                discrepancies::stripe_id.eq(&d.object_id),
                discrepancies::payment_id.eq(d.payment.map(|id| id.0)),
                discrepancies::stands_at.eq(Timestamp::from(d.stands_at)),
                discrepancies::found_at.eq(at),
                words,
            ))
            .execute(conn)
            .await?;
        new += 1;
    }
    Ok(new)
}

/// Closes what is gone.
pub(in crate::store) async fn close_gone(conn: &mut Conn, span: Span, since: DateTime<Utc>) -> Result<i64, TxError> {
    let (from, to) = (Timestamp::from(span.since), Timestamp::from(span.until));
    let gone = discrepancies::table
        .filter(discrepancies::closed_at.is_null().and(discrepancies::seen_at.lt(Timestamp::from(since))))
        .filter(discrepancies::stands_at.ge(from).and(discrepancies::stands_at.lt(to)));
    let closed = diesel::update(gone).set(discrepancies::closed_at.eq(Timestamp::from(since))).execute(conn).await?;
    Ok(i64::try_from(closed).unwrap_or(i64::MAX))
}

/// How many are open, and the first of them.
pub(in crate::store) async fn open(conn: &mut Conn, limit: i64) -> Result<(i64, Vec<OpenDiscrepancy>), TxError> {
    type Row = (i64, String, String, String, Option<i64>, String, String, Timestamp, Timestamp);
    let count: i64 = discrepancies::table.filter(discrepancies::closed_at.is_null()).count().get_result(conn).await?;
    let rows: Vec<Row> = discrepancies::table
        .filter(discrepancies::closed_at.is_null())
        .order(discrepancies::id)
        .limit(limit)
        .select((
            discrepancies::id,
            discrepancies::kind,
            discrepancies::subject,
            discrepancies::stripe_id,
            discrepancies::payment_id,
            discrepancies::here,
            discrepancies::there,
            discrepancies::stands_at,
            discrepancies::found_at,
        ))
        .load(conn)
        .await?;
    let read = |(id, kind, subject, stripe_id, payment, here, there, stands_at, found_at): Row| {
        let unknown = || corrupt(format!("discrepancy {id}"), "of no known kind");
        let what = Discrepancy {
            kind: DiscrepancyKind::from_word(&kind).ok_or_else(unknown)?,
            subject: Compared::from_word(&subject).ok_or_else(unknown)?,
            object_id: stripe_id,
            payment: payment.map(PaymentId),
            here,
            there,
            stands_at: stands_at.into(),
        };
        Ok(OpenDiscrepancy { id, found_at: found_at.into(), command: what.command(), what })
    };
    Ok((count, rows.into_iter().map(read).collect::<Result<_, crate::ports::StoreError>>()?))
}
