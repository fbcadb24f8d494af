//! The rows of withdrawals: from their making through tx 1 of the money rule to what banks do with them.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, outbox, told};
use crate::domain::facts::PayoutFact;
use crate::domain::ids::{MentorId, WithdrawalId};
use crate::domain::mentor::Mentor;
use crate::domain::money::Currency;
use crate::domain::operation::Operation;
use crate::domain::policy::Policy;
use crate::domain::withdrawal::{WithdrawalCase, WithdrawalRequest, WithdrawalState, answer, objection, standing};
use crate::domain::withdrawn::{self, Told, WithdrawalConclusion, WithdrawalNext};
use crate::ports::{NewWithdrawal, StoreError, Withdraw, WithdrawalView};
use crate::store::db::TxError;
use crate::store::payout_rows::{PayoutRow, WithdrawalRow};
use crate::store::rows::{HoldRow, MentorRow, corrupt, minor};
use crate::store::schema::{holds, mentor_debts as debts, mentors, payout_requests as requests, payouts};
use crate::store::types::Timestamp;

/// Records a withdrawal, once for each key. What cannot be whatever is on the account is refused at once.
pub(in crate::store) async fn make(
    conn: &mut Conn,
    new: &NewWithdrawal,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<Withdraw, TxError> {
    // The mentor's lock keeps two requests under one key from meeting.
    if lock_mentor(conn, &new.mentor_id).await?.is_none() {
        return Ok(Withdraw::NoSuchMentor);
    }
    if let Some(mut known) = known(conn, new).await? {
        let asked = (new.amount, new.currency.as_ref(), new.speed);
        let same = (known.amount, known.currency.as_ref(), known.speed) == asked;
        say_currencies(conn, std::slice::from_mut(&mut known)).await?;
        return Ok(if same { Withdraw::Known(known) } else { Withdraw::KeyTaken(known) });
    }
    let id: i64 = diesel::insert_into(requests::table)
        .values((
            requests::mentor_id.eq(new.mentor_id.as_str()),
            (requests::amount.eq(new.amount), requests::currency.eq(&new.currency)),
            requests::speed.eq(new.speed.word()),
            requests::request_key.eq(&new.request_key),
            (requests::requested_by.eq(&new.requested_by), requests::requested_at.eq(Timestamp::from(now))),
        ))
        .returning(requests::id)
        .get_result(conn)
        .await?;
    let row: WithdrawalRow = requests::table.find(id).select(WithdrawalRow::as_select()).first(conn).await?;
    let case = WithdrawalCase { funds: new.funds.clone(), ..case(conn, &row).await? };
    let uncovered = || new.funds.as_ref().and_then(|_| answer(&case, policy).err());
    if let Some(why) = objection(&case, policy).or_else(uncovered) {
        // Whoever asks hears it at once; no email says it again.
        write_refusal(conn, WithdrawalId(id), &why, now).await?;
    }
    let row: WithdrawalRow = requests::table.find(id).select(WithdrawalRow::as_select()).first(conn).await?;
    Ok(Withdraw::Recorded(row.view()?))
}

async fn known(conn: &mut Conn, new: &NewWithdrawal) -> Result<Option<WithdrawalView>, TxError> {
    let Some(key) = &new.request_key else { return Ok(None) };
    let row: Option<WithdrawalRow> = requests::table
        .filter(requests::mentor_id.eq(new.mentor_id.as_str()).and(requests::request_key.eq(key)))
        .select(WithdrawalRow::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(WithdrawalRow::view).transpose()?)
}

/// Withdrawals of a mentor, or of all, newest first.
pub(in crate::store) async fn list(
    conn: &mut Conn,
    mentor: Option<&MentorId>,
    before: Option<WithdrawalId>,
    limit: i64,
) -> Result<Vec<WithdrawalView>, TxError> {
    let mut found = requests::table.order(requests::id.desc()).limit(limit).into_boxed::<_>();
    if let Some(mentor) = mentor {
        found = found.filter(requests::mentor_id.eq(mentor.as_str()));
    }
    if let Some(before) = before {
        found = found.filter(requests::id.lt(before.0));
    }
    let rows: Vec<WithdrawalRow> = found.select(WithdrawalRow::as_select()).load(conn).await?;
    let mut views = rows.into_iter().map(WithdrawalRow::view).collect::<Result<Vec<_>, StoreError>>()?;
    say_currencies(conn, &mut views).await?;
    Ok(views)
}

/// Where it was left open in which currency to withdraw, what was paid out says it.
async fn say_currencies(conn: &mut Conn, views: &mut [WithdrawalView]) -> Result<(), TxError> {
    let open = |view: &&mut WithdrawalView| view.currency.is_none();
    let sent: Vec<String> =
        views.iter_mut().filter(open).filter_map(|view| view.payout.as_ref()).map(ToString::to_string).collect();
    if sent.is_empty() {
        return Ok(());
    }
    let told = payouts::table.filter(among!(payouts::stripe_payout_id, sent));
    let told: Vec<(String, String)> = told.select((payouts::stripe_payout_id, payouts::currency)).load(conn).await?;
    let told: HashMap<String, String> = told.into_iter().collect();
    for view in views.iter_mut().filter(open) {
        view.currency = view.payout.as_ref().and_then(|payout| told.get(payout.as_str())).cloned();
    }
    Ok(())
}

/// Locks a mentor's row.
pub(super) async fn lock_mentor(conn: &mut Conn, id: &MentorId) -> Result<Option<Mentor>, TxError> {
    let row = mentors::table.find(id.as_str()).select(MentorRow::as_select());
    let row: Option<MentorRow> = locked!(row).first(conn).await.optional()?;
    Ok(row.map(MentorRow::mentor))
}

/// The facts about a withdrawal, but for its account, which is read from Stripe.
pub(super) async fn case(conn: &mut Conn, row: &WithdrawalRow) -> Result<WithdrawalCase, TxError> {
    let request: WithdrawalRequest = row.request()?;
    let mentor: Option<MentorRow> =
        mentors::table.find(&row.mentor_id).select(MentorRow::as_select()).first(conn).await.optional()?;
    let open = holds::table
        .filter(holds::lifted_at.is_null().and(holds::mentor_id.eq(&row.mentor_id)))
        .order(holds::id)
        .select(HoldRow::as_select());
    let open: Vec<HoldRow> = open.load(conn).await?;
    let owing: Vec<(String, i64)> = debts::table
        .filter(debts::mentor_id.eq(&row.mentor_id))
        .select((debts::currency, debts::outstanding))
        .load(conn)
        .await?;
    let what = format!("a debt of mentor {}", row.mentor_id);
    let debt = |(code, amount): (String, i64)| {
        let currency = Currency::parse(&code).map_err(|e| corrupt(&what, e))?;
        Ok((currency, minor(&what, amount)?))
    };
    Ok(WithdrawalCase {
        request,
        mentor: mentor.map(MentorRow::mentor),
        account: None,
        funds: None,
        holds: open.into_iter().map(HoldRow::hold).collect::<Result<_, StoreError>>()?,
        debts: owing.into_iter().map(debt).collect::<Result<BTreeMap<_, _>, StoreError>>()?,
    })
}

/// The facts about withdrawals, whose rows are locked.
pub(super) async fn lock_cases(
    conn: &mut Conn,
    ids: &[WithdrawalId],
) -> Result<HashMap<WithdrawalId, Result<WithdrawalCase, StoreError>>, TxError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted = requests::table.filter(among!(requests::id, ids.iter().map(|id| id.0))).order(requests::id);
    let rows: Vec<WithdrawalRow> = locked!(wanted.select(WithdrawalRow::as_select())).load(conn).await?;
    let mut cases = HashMap::with_capacity(rows.len());
    for row in rows {
        let found = match case(conn, &row).await {
            Ok(case) => Ok(case),
            Err(TxError::Store(error)) => Err(error),
            Err(error) => return Err(error),
        };
        cases.insert(WithdrawalId(row.id), found);
    }
    Ok(cases)
}

/// Refuses a withdrawal that was recorded before: the mentor hears of it.
pub(super) async fn refuse(
    conn: &mut Conn,
    case: &WithdrawalCase,
    why: &str,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    write_refusal(conn, case.request.id, why, now).await?;
    let told = withdrawn::told(&Told::asked(case), WithdrawalState::Refused, Some(why));
    outbox::write(conn, &told, policy, now).await
}

async fn write_refusal(conn: &mut Conn, id: WithdrawalId, why: &str, now: DateTime<Utc>) -> Result<(), TxError> {
    settle(conn, id, WithdrawalState::Refused, Some(why), now).await
}

async fn settle(
    conn: &mut Conn,
    id: WithdrawalId,
    state: WithdrawalState,
    why: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    diesel::update(requests::table.find(id.0))
        .set((
            requests::state.eq(state.word()),
            requests::outcome.eq(why),
            requests::settled_at.eq((state != WithdrawalState::InTransit).then_some(Timestamp::from(now))),
        ))
        .execute(conn)
        .await?;
    Ok(())
}

/// Tx 2: what a withdrawal becomes by its operation's outcome.
pub(super) async fn conclude(
    conn: &mut Conn,
    op: &Operation,
    case: &WithdrawalCase,
    conclusion: &WithdrawalConclusion,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    outbox::write(conn, &conclusion.notices, policy, now).await?;
    let id = case.request.id;
    match &conclusion.withdrawal {
        None => return Ok(()),
        Some(WithdrawalNext::Open) => {
            diesel::update(requests::table.find(id.0)).set(requests::state.eq("open")).execute(conn).await?;
        }
        Some(WithdrawalNext::Sent(payout)) => sent(conn, id, payout, policy, now).await?,
        Some(WithdrawalNext::Failed(why)) => settle(conn, id, WithdrawalState::Failed, Some(why), now).await?,
    }
    // The next one of this mentor was waiting for this one.
    let others = requests::table.filter(requests::mentor_id.eq(op.mentor_id.as_str()).and(requests::state.eq("open")));
    diesel::update(others).set(requests::next_check_at.eq(Timestamp::from(now))).execute(conn).await?;
    Ok(())
}

/// Stripe made this payout for it. A webhook may have told more of it already.
pub(super) async fn sent(
    conn: &mut Conn,
    id: WithdrawalId,
    payout: &PayoutFact,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    diesel::update(requests::table.find(id.0))
        .set((
            requests::stripe_payout_id.eq(payout.id.as_str()),
            requests::paid_out.eq(payout.amount.get()),
            requests::state.eq(WithdrawalState::InTransit.word()),
        ))
        .execute(conn)
        .await?;
    told(conn, payout, policy, now).await
}

/// Keeps what was told of a payout, and moves its withdrawal accordingly, where it is one of ours.
pub(super) async fn told(
    conn: &mut Conn,
    payout: &PayoutFact,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<(), TxError> {
    // Locked before the payout's row, as concluding does.
    let ours = requests::table.filter(requests::stripe_payout_id.eq(payout.id.as_str()));
    let ours: Option<WithdrawalRow> = locked!(ours.select(WithdrawalRow::as_select())).first(conn).await.optional()?;
    told::keep_payout(conn, payout).await?;
    let Some(request) = ours else { return Ok(()) };
    let row = payouts::table.find(payout.id.as_str()).select(PayoutRow::as_select());
    let row: PayoutRow = row.first(conn).await?;
    let (state, id) = (standing(&row.status), WithdrawalId(request.id));
    diesel::update(requests::table.find(id.0)).set(requests::arrives_at.eq(row.arrives_at)).execute(conn).await?;
    if state == request.state()? {
        return Ok(());
    }
    settle(conn, id, state, row.failure.as_deref(), now).await?;
    let case = case(conn, &request).await?;
    let figures = row.figures()?;
    let money = Some((figures.amount, figures.currency));
    let notices = withdrawn::told(&Told { money, ..Told::asked(&case) }, state, row.failure.as_deref());
    outbox::write(conn, &notices, policy, now).await
}

/// The first of each mentor.
pub(super) fn one_each(rows: Vec<WithdrawalRow>) -> Vec<WithdrawalRow> {
    let mut seen = HashSet::new();
    rows.into_iter().filter(|row| seen.insert(row.mentor_id.clone())).collect()
}
