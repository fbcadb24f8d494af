//! Brings together what operations are about, whatever that is, under the locks of what they are about.

use std::collections::HashMap;

use super::operations::{case_of, lock_cases};
use super::{Conn, onboarding, withdrawals};
use crate::domain::ids::{MentorId, WithdrawalId};
use crate::domain::matter::Matter;
use crate::domain::operation::About;
use crate::ports::StoreError;
use crate::store::db::TxError;
use crate::store::rows::OperationRow;

/// Of these operations, in the same order.
pub(super) async fn lock(conn: &mut Conn, rows: &[OperationRow]) -> Result<Vec<Result<Matter, StoreError>>, TxError> {
    let mentors: Vec<MentorId> = rows.iter().map(|row| MentorId::new(&row.mentor_id)).collect();
    of(conn, rows.iter().map(OperationRow::about).zip(&mentors)).await
}

/// Of what these are about, in the same order. Payments are locked before anything else.
pub(super) async fn of(
    conn: &mut Conn,
    about: impl IntoIterator<Item = (About, &MentorId)>,
) -> Result<Vec<Result<Matter, StoreError>>, TxError> {
    let about: Vec<(About, &MentorId)> = about.into_iter().collect();
    let payments: Vec<i64> = about.iter().filter_map(|(about, _)| about.payment()).map(|id| id.0).collect();
    let cases = if payments.is_empty() { Vec::new() } else { lock_cases(conn, payments).await? };
    let withdrawals: Vec<WithdrawalId> = about.iter().filter_map(|(about, _)| about.withdrawal()).collect();
    let mut withdrawals: HashMap<WithdrawalId, _> = withdrawals::lock_cases(conn, &withdrawals).await?;
    let mut matters = Vec::with_capacity(about.len());
    for (about, mentor) in about {
        matters.push(match about {
            About::Payment(id) => case_of(&cases, id).map(|case| Matter::Payment(Box::new(case.clone()))),
            About::Withdrawal(id) => match withdrawals.remove(&id) {
                Some(case) => case.map(|case| Matter::Withdrawal(Box::new(case))),
                None => Err(crate::store::rows::corrupt(format!("payout request {id}"), "it is not there")),
            },
            About::Account => Ok(Matter::Account(Box::new(onboarding::case(conn, mentor).await?))),
        });
    }
    Ok(matters)
}
