//! Connected accounts that Stripe is to be asked for, since nothing, or nothing good, was told of them.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::domain::ids::AccountId;
use crate::domain::mentor::NOT_FOUND;
use crate::store::db::TxError;
use crate::store::schema::{accounts, holds, mentors};
use crate::store::types::Timestamp;

/// Accounts of mentors that Stripe has not told of; and, longer ago than `stale_before`, those that were not active or not
/// found when last told of and those whose mentors are held for what Stripe said.
pub(in crate::store) async fn to_read(
    conn: &mut Conn,
    stale_before: Timestamp,
    limit: i64,
) -> Result<Vec<AccountId>, TxError> {
    let known = accounts::table.filter(accounts::stripe_account_id.nullable().eq(mentors::stripe_account_id));
    let unread: Vec<Option<String>> = mentors::table
        .filter(mentors::stripe_account_id.is_not_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(known)))
        .order(mentors::id)
        .select(mentors::stripe_account_id)
        .limit(limit)
        .load(conn)
        .await?;
    let of_mentor = mentors::table.filter(mentors::stripe_account_id.eq(accounts::stripe_account_id.nullable()));
    let stale: Vec<String> = accounts::table
        .filter(accounts::transfers.ne("active").nullable().or(accounts::disabled_reason.eq(NOT_FOUND)))
        .filter(accounts::transfers_told_at.lt(stale_before))
        .filter(accounts::read_at.is_null().or(accounts::read_at.lt(stale_before)))
        .filter(diesel::dsl::exists(of_mentor))
        .order(accounts::stripe_account_id)
        .select(accounts::stripe_account_id)
        .limit(limit)
        .load(conn)
        .await?;
    let restricted: Vec<Option<String>> = holds::table
        .inner_join(mentors::table.on(mentors::id.nullable().eq(holds::mentor_id)))
        .inner_join(accounts::table.on(accounts::stripe_account_id.nullable().eq(mentors::stripe_account_id)))
        .filter(holds::lifted_at.is_null().and(holds::mentor_id.is_not_null()).and(holds::source.eq("stripe")))
        .filter(holds::placed_at.lt(stale_before))
        .filter(accounts::transfers.eq("active"))
        .filter(accounts::read_at.is_null().or(accounts::read_at.lt(stale_before)))
        .order((holds::mentor_id, holds::id))
        .select(mentors::stripe_account_id)
        .limit(limit)
        .load(conn)
        .await?;
    Ok(unread.into_iter().chain(restricted).flatten().chain(stale).map(AccountId::new).collect())
}
