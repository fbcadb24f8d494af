//! The platform's own events that payoutd acts on, for asking Stripe for those that no webhook brought. Events of connected
//! accounts are not among them: Stripe lists those for each account alone, and accounts and payouts are read when needed.

/// Stripe filters a list by 20 types at most: one list for each row.
/// <https://docs.stripe.com/api/events/list>
pub const HEARD: [&[&str]; 2] = [
    &[
        "charge.captured",
        "charge.expired",
        "charge.refunded",
        "charge.succeeded",
        "charge.updated",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
    ],
    &[
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refund.updated",
        "payout.canceled",
        "payout.created",
        "payout.failed",
        "payout.paid",
        "payout.updated",
        "refund.created",
        "refund.failed",
        "refund.updated",
        "transfer.created",
        "transfer.reversed",
        "transfer.updated",
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event;
    use crate::domain::facts::Fact;

    #[test]
    fn each_is_acted_on_and_stripe_takes_the_lists() {
        for kind in HEARD.concat() {
            let body = format!(r#"{{"id":"evt_1","type":"{kind}","created":1,"data":{{"object":{{}}}}}}"#);
            let read = event::facts(body.as_bytes());
            assert!(!matches!(read, Ok((_, Fact::Nothing(_)))), "{kind}: {read:?}");
        }
        assert!(HEARD.iter().all(|types| types.len() <= 20));
    }
}
