//! What mentors and admins are told when money that was paid is taken back, paid again, or owed.

use crate::domain::notice::{Notice, PaymentBrief};
use crate::mail::lists::{Reader, amount, facts};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Story};
use crate::mail::text::{one_line, sentence};

use super::mentor::{letter, question};
use super::{commands, count, for_booking, sums, table, to_admin, to_mentor};

/// Part of a payment, or all of it, was taken back.
pub fn taken_back(notices: &[Notice], voice: &Voice) -> Story {
    let next = "The amount has been taken from your Stripe account. You need not do anything.";
    let (what, blocks) = match notices {
        [Notice::TakenBack { payment, why }] => {
            let what = said(payment);
            let lead = format!("We had to take back {what}, because {why}.");
            (what, vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => several(notices, voice, "We had to take back"),
    };
    ended(notices, voice, format!("We had to take back {what}"), blocks, next)
}

/// What was taken back is paid again.
pub fn paid_again(notices: &[Notice], voice: &Voice) -> Story {
    let next = "The money is in your Stripe account again. You need not do anything.";
    let (what, blocks) = match notices {
        [Notice::PaidAgain { payment }] => {
            let what = said(payment);
            let lead = format!("Good news: what made us take back {what} has been settled, and we have sent it again.");
            (what, vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => several(notices, voice, "We have sent you again"),
    };
    ended(notices, voice, format!("We have sent you {what} again"), blocks, next)
}

/// A payment is too small to be sent alone.
pub fn carried(notices: &[Notice], voice: &Voice) -> Story {
    let next = "As soon as it is enough together with what you earn next, we send all of it. You need not do anything.";
    let (what, blocks) = match notices {
        [Notice::Carried { payment, together }] => {
            let what = said(payment);
            let lead = format!("We keep {what} for you: that is too little to be sent alone.");
            let mut blocks = vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))];
            if *together > payment.amount_minor {
                let together = payment.currency.display(*together);
                blocks.push(Block::say(format!("With what we kept before, that is {together} by now.")));
            }
            (what, blocks)
        }
        _ => several(notices, voice, "Each of these is too little to be sent alone, so we keep them for you:"),
    };
    ended(notices, voice, format!("Kept for your next transfer: {what}"), blocks, next)
}

/// Something speaks against a payment that was kept.
pub fn kept_less(notices: &[Notice], voice: &Voice) -> Story {
    let next = "It comes out of what we keep for your next transfer. Nothing is taken from your Stripe account, and you need \
        not do anything.";
    let (what, blocks) = match notices {
        [Notice::KeptLess { payment, why }] => {
            let what = said(payment);
            let lead = format!("{what} has to go back, because {why}.");
            (what, vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => several(notices, voice, "This has to go back:"),
    };
    ended(notices, voice, format!("{what} goes back out of what we keep for you"), blocks, next)
}

/// All of a payment went towards what the mentor owes.
pub fn netted(notices: &[Notice], voice: &Voice) -> Story {
    let next = "It settles that much of what had to go back from earlier payments, so nothing was sent to your Stripe \
        account this time. You need not do anything.";
    let (what, blocks) = match notices {
        [Notice::Netted { payment }] => {
            let what = said(payment);
            let lead = format!("You earned {what}. All of it went towards what you owe us from earlier payments.");
            (what, vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => several(notices, voice, "All of this went towards what you owe us from earlier payments:"),
    };
    ended(notices, voice, format!("{what} went towards what you owe"), blocks, next)
}

/// What could not be taken back comes out of what the mentor earns next.
pub fn owed(notices: &[Notice], voice: &Voice) -> Story {
    let next = "Your Stripe account did not have the money any more, so we will keep it out of your next payments until \
        it is settled. You need not do anything.";
    let (what, blocks) = match notices {
        [Notice::Owed { payment, why }] => {
            let what = said(payment);
            let lead = format!("{what} has to go back, because {why}.");
            (what, vec![Block::say(lead), Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => several(notices, voice, "This has to go back:"),
    };
    ended(notices, voice, format!("{what} will be kept out of your next payments"), blocks, next)
}

/// The same for the admins.
pub fn debt_recorded(notices: &[Notice], voice: &Voice) -> Story {
    let next = "It is on record as the mentor's debt, and payoutd keeps it out of what they earn next. Until then the \
        platform is short of it.";
    let first = notices.iter().filter_map(Notice::payment).next().map_or(0, |payment| payment.payment_id.0);
    let (subject, lead, list) = match notices {
        [Notice::DebtRecorded { payment, why }] => {
            let (sum, whom) = (amount(payment), to_mentor(payment).replacen(" to ", " from ", 1));
            let subject = format!("{sum} could not be taken back{whom}");
            let lead =
                format!("payoutd could not take back {sum}{whom}, although {why}: Stripe has nothing left to take.");
            (subject, lead, Block::Facts(facts(payment, Reader::Admin)))
        }
        _ => {
            let lead =
                format!("payoutd could not take back money of {}: Stripe has nothing left to take.", count(notices));
            let subject = format!("Money of {} could not be taken back{}", count(notices), sums(notices));
            (subject, lead, table(notices, Reader::Admin, voice))
        }
    };
    let explain = commands::block([commands::explain(crate::domain::ids::PaymentId(first))]);
    to_admin(voice, subject, vec![Block::say(lead), list, Block::say(next), explain])
}

/// Something about a payment that was paid needs a person.
pub fn unsettled(notices: &[Notice], voice: &Voice) -> Story {
    let first = notices.iter().filter_map(Notice::payment).next().map_or(0, |payment| payment.payment_id.0);
    let see = Block::say("To see where its money is, and what happened so far:");
    let explain = commands::block([commands::explain(crate::domain::ids::PaymentId(first))]);
    if let [Notice::Unsettled { payment, why }] = notices {
        let lead = format!("{}, which was paid, needs a look:", said(payment));
        let blocks = vec![
            Block::say(lead),
            Block::say(sentence(why)),
            Block::Facts(facts(payment, Reader::Admin)),
            see,
            explain,
        ];
        return to_admin(voice, format!("Payment {first} was paid and needs a look: {}", one_line(why, 80)), blocks);
    }
    let lead = format!("{} that were paid need a look. The reason stands under each.", count(notices));
    let subject = format!("{} that were paid need a look", count(notices));
    to_admin(voice, subject, vec![Block::say(lead), table(notices, Reader::Admin, voice), see, explain])
}

fn said(payment: &PaymentBrief) -> String {
    format!("{}{}", amount(payment), for_booking(payment))
}

fn several(notices: &[Notice], voice: &Voice, lead: &str) -> (String, Vec<Block>) {
    let what = format!("{}{}", count(notices), sums(notices));
    let blocks = vec![Block::say(format!("{lead} {what}.")), table(notices, Reader::Mentor, voice)];
    (what, blocks)
}

fn ended(notices: &[Notice], voice: &Voice, subject: String, mut blocks: Vec<Block>, next: &str) -> Story {
    let alone = notices.first().and_then(Notice::payment).filter(|_| notices.len() == 1);
    blocks.extend([Block::say(next), question(voice, alone)]);
    letter(notices, voice, subject, blocks)
}
