//! Bugs that other payout systems shipped, each as a test that fails on a payoutd that has it. The real daemon, the sandbox
//! over real HTTP, both databases.
//!
//! | the bug | the test | more about it |
//! |---|---|---|
//! | a transfer id lost because a later read failed, so that the next batch paid again | `keys::a_transfer_id_survives_every_later_read`, `keys::a_look_that_fails_pays_nothing_again` | `e2e/crash.rs` |
//! | an expired key reused as if new | `keys::an_expired_key_is_not_a_new_one` | `e2e/crash.rs` |
//! | a key reused with another amount, taken for a failure | `keys::a_key_never_meets_another_amount` | `e2e/crash.rs` |
//! | a stored `balance_insufficient` replayed for hours under a stable key | `keys::a_stored_refusal_is_not_asked_for_again` | `e2e/failures.rs` |
//! | a claim released on a timeout, then sent twice | `keys::a_timeout_releases_no_claim` | `e2e/failures.rs`, `simulation` |
//! | a retry button that skips the hold | `people::a_retry_skips_no_hold` | `e2e/failures.rs` |
//! | a stale read that let a cancelled payout go | `people::what_is_cancelled_while_it_is_read_is_not_paid` | `e2e/holds.rs` |
//! | a batch run by webhook and by cron at once | `runs::runs_from_everywhere_at_once_pay_once` | `cron/daemon.rs`, `e2e/fleet.rs` |
//! | disputes whose closing webhook never came, open for ever | `disputes::a_dispute_whose_end_was_never_told_ends` | `e2e/refunds.rs` |
//! | clawback at `funds_withdrawn` with no way back | `disputes::withdrawn_funds_take_nothing_back_by_themselves`, `disputes::what_was_taken_back_comes_back` | `e2e/after.rs` |
//! | an account webhook that cleared an admin's pause | `people::an_account_in_order_lifts_no_pause` | `e2e/holds.rs` |
//! | a failure that nobody told the payee | `people::every_failure_is_told_to_the_payee` | `mail/words.rs` |
//! | 100× errors on zero-decimal currencies | `amounts::no_amount_is_a_hundred_times_itself` | `e2e/currencies.rs` |
//! | a payout shown as paid that then failed | `amounts::a_payout_that_fails_after_it_was_paid_is_shown_as_failed` | `e2e/withdrawals.rs` |
//! | a webhook that answered 200 before it was stored | `inbox::no_200_before_the_commit` | `http_listener.rs`, `e2e/listener.rs` |

#[path = "../e2e/house.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod house;
#[path = "../e2e/mailbox.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod mailbox;
#[path = "../e2e/sql.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod sql;
#[path = "../support/mod.rs"]
mod support;
#[path = "../e2e/town.rs"]
#[allow(dead_code, unused_imports, reason = "the stories of the daemon use the rest")]
mod town;
#[path = "../e2e/web.rs"]
#[allow(dead_code, reason = "the stories of the daemon use the rest")]
mod web;

mod amounts;
mod disputes;
mod inbox;
mod keys;
mod people;
mod runs;

use payoutd::app::sandbox::Fault;
use support::{TestDb, on_both_databases};
use town::{Town, status};

/// Stripe's plain no, as it is stored under a key.
fn refuse(code: &str) -> Fault {
    Fault::Refuse { status: 400, code: code.into(), message: format!("Refused by the test: {code}.") }
}
