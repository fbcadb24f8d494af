//! The commands that emails offer to admins, as they are typed. Names from outside are quoted for the shell.

use crate::domain::ids::{MentorId, OperationId, PaymentId};
use crate::mail::story::{Block, Command};
use crate::mail::text::last_argument;

/// Several commands under each other.
pub fn block(commands: impl IntoIterator<Item = Command>) -> Block {
    Block::Commands(commands.into_iter().collect())
}

/// Everything about one payment.
pub fn explain(payment: PaymentId) -> Command {
    let does = format!("shows where payment {payment} stands, why, and everything that happened to it");
    Command::new(format!("payoutd explain {payment}"), does)
}

/// Say whose a payment is.
pub fn name_mentor(payment: PaymentId) -> Command {
    let line = format!("UPDATE payments SET mentor_id = '…' WHERE id = {payment};");
    Command::new(line, "in the database: says whose the payment is, by the mentor's id on your platform")
}

/// Try a failed payment again.
pub fn retry(payment: PaymentId) -> Command {
    let does = format!("tries payment {payment} again, if every check that it passed the first time still holds");
    Command::new(format!("payoutd retry {payment}"), does)
}

/// Register a mentor.
pub fn mentor_add(id: &str) -> Command {
    let line = format!("payoutd mentor add --account acct_… --email … --name … {}", last_argument(id));
    Command::new(line, "registers the mentor; acct_… is their connected account in Stripe's dashboard")
}

/// What is known of a mentor.
pub fn mentor_show(id: &MentorId) -> Command {
    let line = format!("payoutd mentor show {}", last_argument(id.as_str()));
    Command::new(line, "shows the mentor's account, holds and payments")
}

/// Lift a mentor's hold.
pub fn lift_mentor(id: &MentorId) -> Command {
    let line = format!("payoutd lift --reason '…' --mentor {}", last_argument(id.as_str()));
    Command::new(line, "lifts the hold, when the account is in order and the hold still stands")
}

/// Look now for an operation whose outcome is unknown.
pub fn resolve(operation: OperationId) -> Command {
    let does = format!("looks now whether Stripe has the transfer of operation {operation}, and sends nothing");
    Command::new(format!("payoutd operations resolve {operation}"), does)
}

/// The events that could not be read.
pub fn failed_events() -> Command {
    Command::new("payoutd webhooks list --state failed", "lists them, with what is wrong with each")
}

/// One event with its body.
pub fn show_event() -> Command {
    Command::new("payoutd webhooks show …", "shows one of them as it came, by its number in the list")
}

/// Have events read again.
pub fn replay_failed() -> Command {
    Command::new("payoutd webhooks replay --failed", "has all of them tried again at once, such as after an upgrade")
}

/// Whether the books are right.
pub fn audit() -> Command {
    Command::new("payoutd audit --limit 100", "looks again, and shows more of what differs")
}

/// Post what the ledger lacks.
pub fn audit_repair() -> Command {
    Command::new("payoutd audit --repair", "posts what is only not posted, then looks again; it changes nothing else")
}

/// Compare with Stripe.
pub fn reconcile() -> Command {
    Command::new("payoutd reconcile", "compares again, and shows each difference with what to do about it")
}

/// Take in what is missing.
pub fn reconcile_fix() -> Command {
    Command::new("payoutd reconcile --fix", "takes in what Stripe has and payoutd lacks; it never moves money")
}

/// How the daemon is.
pub fn status() -> Command {
    Command::new("payoutd status", "shows what payoutd is doing, and what waits")
}
