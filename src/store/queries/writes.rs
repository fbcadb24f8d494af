//! Writes that are done once for each key: the key's row is in the transaction of what it stands for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{Conn, admin, requests};
use crate::domain::hold::{Hold, Subject};
use crate::ports::{Completed, LiftedHold, StoreError, Write, WriteAnswer, WriteKey, Written};
use crate::store::db::TxError;
use crate::store::rows::corrupt;
use crate::store::schema::api_writes as writes;
use crate::store::types::Timestamp;

/// Does it, unless its key was used before.
pub(in crate::store) async fn once(
    conn: &mut Conn,
    by: &WriteKey,
    write: &Write,
    now: DateTime<Utc>,
) -> Result<Written, TxError> {
    let row = || corrupt_row(by);
    let content = serde_json::to_string(write).map_err(|e| row()(e))?;
    if !begin(conn, by, &content, now.into()).await? {
        return again(conn, by, write, &content, now).await;
    }
    let answer = carry_out(conn, by, write, now).await?;
    let kept = serde_json::to_string(&answer).map_err(|e| row()(e))?;
    diesel::update(writes::table.find(&by.key)).set(writes::answer.eq(kept)).execute(conn).await?;
    Ok(Written::Now(answer))
}

fn corrupt_row(by: &WriteKey) -> impl FnOnce(serde_json::Error) -> StoreError {
    move |why| corrupt(format!("write of {}", by.actor), why)
}

/// Looks and writes in one statement: of two that come at once, the second waits here until the first has ended.
async fn begin(conn: &mut Conn, by: &WriteKey, content: &str, now: Timestamp) -> Result<bool, TxError> {
    let inserted = diesel::insert_into(writes::table)
        .values((writes::key.eq(&by.key), writes::actor.eq(&by.actor), writes::content.eq(content), writes::at.eq(now)))
        .on_conflict(writes::key)
        .do_nothing()
        .execute(conn)
        .await?;
    Ok(inserted == 1)
}

async fn again(
    conn: &mut Conn,
    by: &WriteKey,
    write: &Write,
    content: &str,
    now: DateTime<Utc>,
) -> Result<Written, TxError> {
    let known: (String, Option<String>) =
        writes::table.find(&by.key).select((writes::content, writes::answer)).first(conn).await?;
    let (known, Some(answer)) = known else {
        return Err(corrupt(format!("write of {}", by.actor), "it has no answer").into());
    };
    if known != content {
        let why = format!("its key was used before, for {known}; asked for now: {content}");
        refuse(conn, &Subject::Payment(write.payment()), &by.actor, &why, now.into()).await?;
        return Ok(Written::KeyTaken);
    }
    Ok(Written::Before(serde_json::from_str(&answer).map_err(corrupt_row(by))?))
}

async fn carry_out(conn: &mut Conn, by: &WriteKey, write: &Write, now: DateTime<Utc>) -> Result<WriteAnswer, TxError> {
    let actor = by.actor.as_str();
    match write {
        Write::Complete { payment, completed_at } => {
            let at = completed_at.unwrap_or(now);
            let (stands, recorded) = match requests::complete(conn, *payment, at, actor, now.into()).await? {
                Completed::Recorded => (at, true),
                Completed::Already(before) => (before, false),
                Completed::NoSuchPayment => return Err(corrupt(format!("payment {payment}"), "it is gone").into()),
            };
            Ok(WriteAnswer::Completed { payment: *payment, session_completed_at: stands, recorded })
        }
        Write::Hold { payment, reason } => {
            let on = Subject::Payment(*payment);
            let hold = admin::place_hold(conn, &on, actor, reason, now.into()).await?;
            Ok(WriteAnswer::Held { payment: *payment, hold })
        }
        Write::Lift { payment, reason } => {
            let on = Subject::Payment(*payment);
            let lifted = admin::lift_holds(conn, &on, actor, reason, now.into()).await?;
            Ok(WriteAnswer::Lifted { payment: *payment, lifted: lifted.into_iter().map(lifted_hold).collect() })
        }
    }
}

fn lifted_hold(hold: Hold) -> LiftedHold {
    let Hold { id, actor, reason, placed_at, .. } = hold;
    LiftedHold { id, actor, reason, placed_at }
}

/// Writes down that something was asked for and refused.
pub(in crate::store) async fn refuse(
    conn: &mut Conn,
    about: &Subject,
    actor: &str,
    why: &str,
    now: Timestamp,
) -> Result<(), TxError> {
    let subject = match about {
        Subject::Payment(id) => ("payment", id.to_string()),
        Subject::Mentor(id) => ("mentor", id.to_string()),
    };
    admin::audit(conn, actor, "refused", subject, why, now).await
}
