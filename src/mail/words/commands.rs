//! The commands that emails offer to admins, as they are typed. Names from outside are quoted for the shell.

use crate::domain::ids::{MentorId, PaymentId};
use crate::mail::story::{Block, Command};
use crate::mail::text::last_argument;

/// Several commands under each other.
pub fn block(commands: impl IntoIterator<Item = Command>) -> Block {
    Block::Commands(commands.into_iter().collect())
}

/// Everything about one payment.
pub fn explain(payment: PaymentId) -> Command {
    Command::new(format!("payoutd explain {payment}"), "shows every reason, and everything that happened so far")
}

/// The same, where the email lists several payments.
pub fn explain_each(payment: PaymentId) -> Command {
    let does = format!("shows every reason, and everything that happened to payment {payment} so far");
    Command::new(format!("payoutd explain {payment}"), does)
}

/// Try a failed payment again.
pub fn retry(payment: PaymentId) -> Command {
    Command::new(format!("payoutd retry {payment}"), "tries again, after every check that the first attempt passed")
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

/// How the daemon is.
pub fn status() -> Command {
    Command::new("payoutd status", "shows what payoutd is doing, and what waits")
}
