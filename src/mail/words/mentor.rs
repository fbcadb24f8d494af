//! What mentors are told. "We" is the platform; Stripe is explained, and no id of Stripe's appears.

use std::collections::BTreeSet;

use crate::domain::conversion::Converted;
use crate::domain::money::MinorUnits;
use crate::domain::notice::{MentorTask, Notice, PaymentBrief};
use crate::mail::lists::{self, Reader, amount, facts, mentor, time};
use crate::mail::render::Voice;
use crate::mail::story::{Block, Story};

use super::{count, for_booking, sums, table};

/// The money is in the mentor's account.
pub fn paid(notices: &[Notice], voice: &Voice) -> Story {
    let stays = notices.iter().all(|notice| matches!(notice, Notice::Paid { stays: true, .. }));
    let next = Block::say(if stays {
        "It stays there until you ask for it: withdraw it to your bank whenever you like."
    } else {
        "Stripe passes it on to your bank, on the schedule set in your Stripe account; that often takes a few working \
         days. You need not do anything."
    });
    match notices {
        [Notice::Paid { payment, at, netted, carried, converted, .. }] => {
            let what = format!("{}{}", amount(payment), for_booking(payment));
            let mut known = facts(payment, Reader::Mentor);
            known.push(("Sent", time(*at, voice.time_zone)));
            let more = (*netted > MinorUnits::ZERO).then(|| {
                let own = payment.amount_minor.saturating_sub(*carried);
                let (kept, due) = (payment.currency.display(*netted), own.checked_add(*netted));
                let due = due.map(|due| payment.currency.display(due)).unwrap_or_default();
                Block::say(format!(
                    "You earned {due}; {kept} of it went towards what you owe us from earlier payments."
                ))
            });
            let lead = Block::say(format!("We have sent you {what}. The money is now in your Stripe account."));
            let mut blocks = vec![lead, Block::Facts(known)];
            blocks.extend(converted.as_ref().map(other_currency));
            blocks.extend((*carried > MinorUnits::ZERO).then(|| {
                let carried = payment.currency.display(*carried);
                Block::say(format!("{carried} of it is from earlier payments that were too small to be sent alone."))
            }));
            blocks.extend(more);
            blocks.extend([next, question(voice, Some(payment))]);
            letter(notices, voice, format!("You were paid {what}"), blocks)
        }
        _ => {
            let subject = match lists::totals_in_words(notices.iter().filter_map(Notice::payment)) {
                Some(totals) => format!("You were paid {totals} in {}", count(notices)),
                None => format!("You were paid: {}", count(notices)),
            };
            let lead = format!("We have sent you {}. The money is now in your Stripe account.", count(notices));
            let blocks = vec![Block::say(lead), table(notices, Reader::Mentor, voice), next, question(voice, None)];
            letter(notices, voice, subject, blocks)
        }
    }
}

/// Why the amount is not in the currency that the customer paid in.
fn other_currency(converted: &Converted) -> Block {
    let by = &converted.by;
    let (due, charged) = (by.from.display(converted.due), by.from.display(by.charged));
    let (settled, part) = (by.into.display(by.settled), by.into.display(by.payable(converted.due)));
    Block::say(format!(
        "The customer paid {charged}, of which {due} is yours. It reached us as {settled}, so your part of it is {part}."
    ))
}

/// The transfer was refused; the platform is looking into it.
pub fn not_paid(notices: &[Notice], voice: &Voice) -> Story {
    let next = [
        "The money is not lost: it has not left us. Our team has been told and is looking into it.",
        "You need not do anything now, but you can help: sign in to your Stripe account, and see whether Stripe asks \
         you for something there.",
    ];
    let (what, list, about) = match notices {
        [Notice::NotPaid { payment }] => {
            let what = format!("{}{}", amount(payment), for_booking(payment));
            (what, Block::Facts(facts(payment, Reader::Mentor)), Some(payment))
        }
        _ => (format!("{}{}", count(notices), sums(notices)), table(notices, Reader::Mentor, voice), None),
    };
    let refused = if about.is_some() { "the transfer was refused" } else { "the transfers were refused" };
    let lead = format!("We tried to send you {what}, but {refused}.");
    let [safe, help] = next.map(Block::say);
    let blocks = vec![Block::say(lead), list, safe, help, question(voice, about)];
    letter(notices, voice, format!("We could not send you {what}"), blocks)
}

/// The money waits for the mentor.
pub fn on_hold(notices: &[Notice], voice: &Voice) -> Story {
    let mut tasks: Vec<MentorTask> = Vec::new();
    for notice in notices {
        if let Notice::OnHold { task, .. } = notice
            && !tasks.contains(task)
        {
            tasks.push(*task);
        }
    }
    let mut seen = BTreeSet::new();
    let payments: Vec<&PaymentBrief> =
        notices.iter().filter_map(Notice::payment).filter(|payment| seen.insert(payment.payment_id.0)).collect();
    let (waiting, mut blocks) = waiting(notices, &payments, voice);
    for (i, task) in tasks.iter().enumerate() {
        let so = if i == 0 { "We cannot send the money to you yet, because" } else { "Besides," };
        blocks.push(Block::say(format!("{so} {}", why(*task, voice))));
        blocks.push(Block::say(what_to_do(*task, voice)));
    }
    blocks
        .push(Block::say("Once that is done, the money goes out automatically when it is due; you need not tell us."));
    blocks.push(question(voice, payments.first().copied().filter(|_| payments.len() == 1)));
    let asked = tasks.first().map_or("please look at your account", |task| request(*task));
    let subject = match waiting {
        Some(waiting) => format!("{waiting} for you: {asked}"),
        None => format!("Your payments are waiting: {asked}"),
    };
    letter(notices, voice, subject, blocks)
}

/// How the subject begins, and what the email opens with.
fn waiting(notices: &[Notice], payments: &[&PaymentBrief], voice: &Voice) -> (Option<String>, Vec<Block>) {
    match payments {
        [] => (None, vec![Block::say("Your payments are on hold.")]),
        [payment] => {
            let from = lists::booking(payment).map(|id| format!(" from booking {id}")).unwrap_or_default();
            let lead = Block::say(format!("There is {}{from} for you.", amount(payment)));
            let waiting = format!("{}{from} is waiting", amount(payment));
            (Some(waiting), vec![lead, Block::Facts(facts(payment, Reader::Mentor))])
        }
        _ => {
            let lead = Block::say(format!("There are {} for you.", count(notices)));
            let waiting = format!("{}{} are waiting", count(notices), sums(notices));
            (Some(waiting), vec![lead, table(notices, Reader::Mentor, voice)])
        }
    }
}

/// The request, short enough for a subject line.
fn request(task: MentorTask) -> &'static str {
    match task {
        MentorTask::ConnectAccount => "please connect a Stripe account",
        MentorTask::FinishOnboarding => "please finish setting up your Stripe account",
        MentorTask::AwaitReview => "Stripe is checking your account",
        MentorTask::Reconnect => "please connect your Stripe account again",
        MentorTask::ResolveRestriction => "please look into your Stripe account",
    }
}

fn why(task: MentorTask, voice: &Voice) -> String {
    let platform = &voice.platform_name;
    match task {
        MentorTask::ConnectAccount => format!(
            "no Stripe account of yours is connected to {platform}. (Stripe is the company that moves the money for \
             us.)"
        ),
        MentorTask::FinishOnboarding => {
            "your Stripe account is not set up completely: Stripe still needs some details from you.".into()
        }
        MentorTask::AwaitReview => "Stripe is still checking what you handed in for your account.".into(),
        MentorTask::Reconnect => format!("your Stripe account is no longer connected to {platform}."),
        MentorTask::ResolveRestriction => "Stripe has restricted your account, so that it cannot receive money.".into(),
    }
}

fn what_to_do(task: MentorTask, voice: &Voice) -> String {
    let platform = &voice.platform_name;
    match task {
        MentorTask::ConnectAccount => format!(
            "What to do: sign in to {platform} and connect a Stripe account there. Have your bank details and an \
             identity document at hand."
        ),
        MentorTask::FinishOnboarding => format!(
            "What to do: sign in to {platform}, open your Stripe account from there, and answer what Stripe still asks."
        ),
        MentorTask::AwaitReview => {
            "What to do: nothing, unless Stripe writes to you. How long it takes is up to Stripe; we cannot speed it up."
                .into()
        }
        MentorTask::Reconnect => format!("What to do: sign in to {platform} and connect your Stripe account again."),
        MentorTask::ResolveRestriction => {
            "What to do: sign in to your Stripe account. It says what Stripe needs from you; if that is unclear, ask \
             Stripe's support. We cannot lift the restriction for you."
                .into()
        }
    }
}

pub(super) fn question(voice: &Voice, payment: Option<&PaymentBrief>) -> Block {
    let mention = match payment {
        Some(payment) => format!("payment no. {}", payment.payment_id),
        None => "the payment's number".into(),
    };
    Block::say(format!(
        "A question, or something does not look right? Reply to this email or write to {}, and mention {mention}.",
        voice.contact
    ))
}

pub(super) fn letter(notices: &[Notice], voice: &Voice, subject: String, blocks: Vec<Block>) -> Story {
    let name = notices.iter().filter_map(Notice::payment).find_map(mentor).filter(|name| is_a_name(name));
    let greeting = Some(name.map_or("Hello,".into(), |name| format!("Hello {name},")));
    let footer = format!("{} sent you this because you offer sessions there.", voice.platform_name);
    Story { subject, greeting, blocks, footer }
}

/// Whether it can stand after "Hello": a mentor without a name is called by the platform's id, which people are not.
pub(super) fn is_a_name(text: &str) -> bool {
    !text.chars().any(|c| c.is_numeric() || matches!(c, '_' | '@' | '/' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_greeted_by_their_id() {
        for (called, greeted) in [
            ("Ada Mentor", true),
            ("Żółć", true),
            ("山田", true),
            ("O'Brien-Smith", true),
            ("mentor_17", false),
            ("usr_ada", false),
            ("7f3a2b10-55aa", false),
            ("ada@example.com", false),
        ] {
            assert_eq!(is_a_name(called), greeted, "{called}");
        }
    }
}
