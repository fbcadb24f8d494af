//! A withdrawal: a payout from a mentor's connected account to their bank, which somebody asks for.

use super::payment::words;

words!(
    /// Where a withdrawal stands.
    WithdrawalState {
        /// To be done by the next run.
        Open = "open",
        /// Its operation is under way; the outcome moves it.
        Submitted = "submitted",
        /// Stripe has sent it to the bank.
        InTransit = "in_transit",
        /// The bank has it. Even so a bank may send it back later.
        Paid = "paid",
        /// It cannot be; nothing was asked of Stripe.
        Refused = "refused",
        /// Stripe would not, or the bank sent it back: the money is on the connected account.
        Failed = "failed",
        /// It was cancelled before the bank had it: the money is on the connected account.
        Canceled = "canceled",
        /// Whoever made it took it back.
        Retracted = "retracted",
    }
);

words!(
    /// How fast a withdrawal is to be.
    Speed {
        /// In the bank's own time, at no cost.
        Standard = "standard",
        /// Within minutes, where the bank account or card can: Stripe takes a fee for it.
        Instant = "instant",
    }
);
