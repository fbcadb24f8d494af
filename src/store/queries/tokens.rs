//! The cron endpoint's tokens that were used, so that each is used once.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::Conn;
use crate::store::db::TxError;
use crate::store::schema::used_tokens;
use crate::store::types::Timestamp;

/// Looks and writes in one statement: of two daemons that are shown the same token, one inserts it.
pub(in crate::store) async fn insert(
    conn: &mut Conn,
    jti: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<bool, TxError> {
    let inserted = diesel::insert_into(used_tokens::table)
        .values((used_tokens::jti.eq(jti), used_tokens::expires_at.eq(expires_at), used_tokens::used_at.eq(now)))
        .on_conflict(used_tokens::jti)
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(inserted == 1)
}

/// Removes those that expired before.
pub(in crate::store) async fn forget(conn: &mut Conn, expired_before: Timestamp) -> Result<(), TxError> {
    let old = used_tokens::table.filter(used_tokens::expires_at.lt(expired_before));
    diesel::delete(old).execute(conn).await?;
    Ok(())
}
