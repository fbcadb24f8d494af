//! Disputes by where they stand, not by what their events are called, and not only when somebody tells of them.

use super::*;
use payoutd::app::sandbox::{DisputeStatus, NewDispute, Paid};

/// Nothing was heard of any dispute for so long.
async fn silence(town: &Town, days: i64) {
    let then = town.sql.seconds_from_now(-86_400 * days);
    town.sql.run(&format!("UPDATE disputes SET told_at = {then}, asked_at = NULL")).await;
}

async fn comes_to(town: &Town, left: i64) {
    let there = async || {
        town.run().await;
        let live = "operations WHERE state IN ('planned', 'submitting', 'unknown')";
        town.left("B-1") == left && town.sql.count(live).await == 0
    };
    town.until(&format!("it comes to {left}"), there).await;
}

async fn paid(town: &Town) -> Paid {
    town.mentor("ada").await;
    let paid = town.known_charge("B-1", "ada").await;
    town.paid_once("B-1", 9_000).await;
    paid
}

fn disputes_read(town: &Town) -> u32 {
    town.sandbox.faults().iter().map(|fault| fault.fired).sum()
}

/// Counts reads of disputes, which take a moment longer.
fn watch_reads(town: &Town) {
    use payoutd::app::sandbox::{FaultMatch, FaultRule};
    let reads = FaultMatch::reads("/v1/disputes");
    town.sandbox.add_fault(FaultRule::always(reads, Fault::Delay { ms: 1 }));
}

on_both_databases! {
    /// Given a dispute that held a payment, when it is won and no webhook says so, then Stripe is asked a day later, and the
    /// mentor is paid. Nobody asks more often than that.
    async fn a_dispute_whose_end_was_never_told_ends(db: TestDb) {
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let paid = town.known_charge("B-1", "ada").await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver().await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        watch_reads(&town);
        town.run().await;
        assert_eq!(disputes_read(&town), 0, "it was told of just now");
        silence(&town, 2).await;
        for _ in 0..3 {
            town.run().await;
        }
        assert_eq!(disputes_read(&town), 1, "once a day");
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        silence(&town, 2).await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given a dispute about what was paid, when it is lost and no webhook says so, then the share is taken back all the same.
    async fn a_dispute_whose_loss_was_never_told_is_lost(db: TestDb) {
        let town = Town::new(db).await;
        let paid = paid(&town).await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver().await;
        town.next_second().await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Lost).expect("open");
        comes_to(&town, 9_000).await;
        silence(&town, 2).await;
        comes_to(&town, 0).await;
    }

    /// Given a dispute that Stripe cannot be asked about, then the others are asked about all the same.
    async fn one_that_cannot_be_read_keeps_no_other_back(db: TestDb) {
        use payoutd::app::sandbox::{FaultMatch, FaultRule};
        let town = Town::new(db).await;
        town.mentor("ada").await;
        let (first, second) = (town.charge("B-1", "ada"), town.charge("B-2", "ada"));
        town.deliver().await;
        let disputes = [&first, &second].map(|paid| {
            town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable")
        });
        town.deliver().await;
        for dispute in disputes {
            town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        }
        let of_first = FaultMatch { body_contains: Some(first.charge.clone()), ..FaultMatch::reads("/v1/disputes") };
        town.sandbox.add_fault(FaultRule::always(of_first, refuse("resource_missing")));
        silence(&town, 2).await;
        town.paid_once("B-2", 9_000).await;
        assert_eq!(town.held_for("B-1").await, "dispute_open");
        assert_eq!(town.sandbox.faults()[0].fired, 1, "once a day");
        town.sandbox.clear_faults();
        silence(&town, 2).await;
        town.paid_once("B-1", 9_000).await;
    }

    /// Given the default, when Stripe withdraws the funds of an open dispute, then the mentor keeps theirs: it may be won.
    async fn withdrawn_funds_take_nothing_back_by_themselves(db: TestDb) {
        let town = Town::new(db).await;
        let paid = paid(&town).await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver_only(&["charge.dispute.funds_withdrawn"]).await;
        comes_to(&town, 9_000).await;
        town.next_second().await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        town.deliver().await;
        comes_to(&town, 9_000).await;
        assert_eq!(town.sql.count("operations WHERE kind <> 'transfer'").await, 0, "nothing ever moved");
    }

    /// Given an operator who takes back at once, when only the money events arrive, then the share goes, and with the dispute
    /// won it comes back, once.
    async fn what_was_taken_back_comes_back(db: TestDb) {
        let town = Town::plan().with("after_transfer.open_dispute", "\"reverse\"").found(db).await;
        let paid = paid(&town).await;
        let dispute = town.sandbox.open_dispute(NewDispute::chargeback(&paid.charge)).expect("disputable");
        town.deliver_only(&["charge.dispute.funds_withdrawn"]).await;
        comes_to(&town, 0).await;
        town.next_second().await;
        town.sandbox.set_dispute_status(&dispute, DisputeStatus::Won).expect("open");
        town.deliver_only(&["charge.dispute.funds_reinstated"]).await;
        comes_to(&town, 9_000).await;
        town.deliver().await;
        comes_to(&town, 9_000).await;
        let kinds = town.sql.words("kind", "operations ORDER BY id").await;
        assert_eq!(kinds, ["transfer", "reversal", "restore"]);
    }
}
