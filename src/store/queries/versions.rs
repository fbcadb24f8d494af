//! Which migrations the database says it has.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;

use super::{Conn, HAS_MIGRATIONS};
use crate::store::db::TxError;

diesel::table! {
    __diesel_schema_migrations (version) {
        version -> VarChar,
    }
}

/// Their versions; none in a database that is still empty.
pub(in crate::store) async fn applied(conn: &mut Conn) -> Result<Vec<String>, TxError> {
    let has: bool = diesel::select(sql::<Bool>(HAS_MIGRATIONS)).get_result(conn).await?;
    if !has {
        return Ok(Vec::new());
    }
    let versions = __diesel_schema_migrations::table.select(__diesel_schema_migrations::version);
    Ok(versions.order(__diesel_schema_migrations::version).load(conn).await?)
}
