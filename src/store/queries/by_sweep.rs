//! Tx 1 of the money rule where a sweep answers for what happened at Stripe: no charge has to be read between the look and the
//! claim, so that both are one transaction under the same locks.

use chrono::{DateTime, Utc};

use super::release::{self, Before, Looked};
use super::{Conn, continuity, intent, ledger};
use crate::domain::ids::PaymentKey;
use crate::domain::lost::to_be_looked_for;
use crate::domain::operation::transfer_key;
use crate::domain::policy::Policy;
use crate::domain::sweep::Sweep;
use crate::ports::{Lease, PickedBySweep};
use crate::store::db::TxError;

/// Looks at payments that are due, and claims at once, under the very locks under which it was decided, the first transfers
/// of those for which the sweep answers. The others are left to be read by themselves.
pub(in crate::store) async fn pick_by_sweep(
    conn: &mut Conn,
    limit: i64,
    sweep: Sweep,
    lease: &Lease,
    revisit_at: DateTime<Utc>,
    policy: &Policy,
    now: DateTime<Utc>,
) -> Result<PickedBySweep, TxError> {
    let Looked { mut picked, ready, settled } =
        release::look_at_due(conn, limit, revisit_at, true, policy, now).await?;
    let before = Before::load(conn, ready.iter().map(|row| row.id).collect()).await?;
    let known_since = continuity::known_since(conn, now).await?;
    let (mut planned, mut to_read) = (Vec::new(), Vec::new());
    for ((plan, case), row) in std::mem::take(&mut picked.ready).into_iter().zip(ready) {
        let lost = to_be_looked_for(&case.payment, known_since, policy.retry.key_max_age, now);
        if before.is_nothing(row.id) && !lost && intent::is_plain(&plan) && sweep.answers_for(&case, now) {
            planned.push((plan, 1, transfer_key(&PaymentKey::new(&row.payment_key), 1)));
        } else {
            to_read.push((plan, case));
        }
    }
    let claimed = intent::transfers(conn, planned, lease, now).await?;
    release::leave_alone(conn, to_read.iter().map(|(_, case)| case.payment.id.0), revisit_at).await?;
    // What was claimed is posted with its outcome: no fact was taken in here.
    ledger::post(conn, &settled, policy, now).await?;
    picked.ready = to_read;
    Ok(PickedBySweep { picked, claimed })
}
