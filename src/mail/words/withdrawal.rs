//! What mentors and admins are told of withdrawals, and admins of connected accounts.

use crate::domain::ids::MentorId;
use crate::domain::notice::{Notice, WithdrawalBrief, WithdrawalNews};
use crate::mail::lists::ROWS_MAX;
use crate::mail::render::Voice;
use crate::mail::story::{Block, Column, Command, Row, Story, Table};
use crate::mail::text::{last_argument, one_line};

use super::failed::quote;
use super::mentor::is_a_name;
use super::{commands, to_admin};

/// About withdrawals, of one kind of news.
pub fn story(notices: &[Notice], voice: &Voice) -> Story {
    let all: Vec<(&WithdrawalBrief, &WithdrawalNews)> = notices.iter().filter_map(told).collect();
    match all.first() {
        Some((_, WithdrawalNews::Trouble { .. })) | None => trouble(&all, voice),
        Some((_, news)) => to_mentor(&all, news, voice),
    }
}

fn told(notice: &Notice) -> Option<(&WithdrawalBrief, &WithdrawalNews)> {
    match notice {
        Notice::Withdrawal { withdrawal, news } => Some((withdrawal, news)),
        _ => None,
    }
}

type Told<'a> = (&'a WithdrawalBrief, &'a WithdrawalNews);

fn to_mentor(all: &[Told<'_>], news: &WithdrawalNews, voice: &Voice) -> Story {
    let sums = all.iter().map(|(withdrawal, _)| sum(withdrawal)).collect::<Vec<_>>().join(", ");
    let (lead, subject, next) = match news {
        WithdrawalNews::Paid => (
            format!("Your bank has the {sums} that you withdrew."),
            format!("Your withdrawal of {sums} has arrived"),
            "Until your bank shows it, another working day may pass. Should the bank send it back, you hear from us.",
        ),
        WithdrawalNews::Canceled => (
            format!("Your withdrawal of {sums} was cancelled before your bank had it."),
            format!("Your withdrawal of {sums} was cancelled"),
            "The money is in your Stripe account, and you can withdraw it again.",
        ),
        WithdrawalNews::Refused { .. } => (
            format!("Your withdrawal of {sums} cannot be made:"),
            format!("Your withdrawal of {sums} cannot be made"),
            "Nothing has moved: the money is where it was. You can ask again with what is right.",
        ),
        _ => (
            format!("Your withdrawal of {sums} did not reach your bank:"),
            format!("Your withdrawal of {sums} failed"),
            "The money is in your Stripe account. What to do: open your Stripe account from our site, check the bank account \
             that is entered there, correct it if need be, and withdraw again.",
        ),
    };
    let mut blocks = vec![Block::say(lead)];
    blocks.extend(all.iter().filter_map(|(_, news)| why(news)).map(quote));
    blocks.extend([Block::say(next), question(all, voice)]);
    let name = all.first().map(|(withdrawal, _)| one_line(&withdrawal.mentor, 60)).filter(|name| is_a_name(name));
    let greeting = Some(name.map_or("Hello,".into(), |name| format!("Hello {name},")));
    let footer = format!("{} sent you this because you offer sessions there.", voice.platform_name);
    Story { subject: one_line(&subject, 120), greeting, blocks, footer }
}

fn question(all: &[Told<'_>], voice: &Voice) -> Block {
    let mention = match all {
        [(withdrawal, _)] => format!("withdrawal no. {}", withdrawal.withdrawal_id),
        _ => "the withdrawal's number".into(),
    };
    Block::say(format!(
        "A question, or something does not look right? Reply to this email or write to {}, and mention {mention}.",
        voice.contact
    ))
}

fn sum(withdrawal: &WithdrawalBrief) -> String {
    withdrawal.money.map_or_else(|| "all that is available".to_owned(), |(amount, currency)| currency.display(amount))
}

fn why(news: &WithdrawalNews) -> Option<&str> {
    match news {
        WithdrawalNews::Failed { why } | WithdrawalNews::Refused { why } | WithdrawalNews::Trouble { why } => Some(why),
        WithdrawalNews::Paid | WithdrawalNews::Canceled => None,
    }
}

fn trouble(all: &[Told<'_>], voice: &Voice) -> Story {
    let (subject, mut blocks) = match all {
        [(withdrawal, news)] => {
            let (id, sum, name) = (withdrawal.withdrawal_id, sum(withdrawal), one_line(&withdrawal.mentor, 60));
            let lead = format!("Withdrawal {id} of {sum} by {name} was not paid out, or came back:");
            let blocks = std::iter::once(Block::say(lead)).chain(why(news).map(quote)).collect();
            (format!("Withdrawal {id} needs a look: {sum} of {name}"), blocks)
        }
        _ => {
            let lead = format!("{} withdrawals were not paid out, or came back. Why stands under each.", all.len());
            (format!("{} withdrawals need a look", all.len()), vec![Block::say(lead), Block::List(table(all))])
        }
    };
    blocks.push(Block::say(
        "What did not reach the bank is in the mentor's Stripe account. The mentor is told what to do where the bank or Stripe \
         refused it; payoutd does not try it again by itself. Only where nobody knows yet, it goes on finding out.",
    ));
    blocks.push(commands::block([Command::new("payoutd withdrawals", "lists withdrawals, and where each stands")]));
    to_admin(voice, one_line(&subject, 120), blocks)
}

fn table(all: &[Told<'_>]) -> Table {
    let row = |(withdrawal, news): &Told<'_>| Row {
        cells: vec![withdrawal.withdrawal_id.to_string(), one_line(&withdrawal.mentor, 28), sum(withdrawal)],
        note: why(news).map(|why| one_line(why, 300)),
    };
    let columns = [("No.", true), ("Mentor", false), ("Amount", true)];
    Table {
        columns: columns.map(|(title, right)| Column { title: title.to_owned(), right }).into(),
        rows: all.iter().take(ROWS_MAX).map(row).collect(),
        more: all.len().saturating_sub(ROWS_MAX),
        totals: Vec::new(),
    }
}

/// Something that payoutd was to do with a connected account was not done.
pub fn account_trouble(notices: &[Notice], voice: &Voice) -> Story {
    let all: Vec<(&MentorId, &str, &str)> = notices.iter().filter_map(account).collect();
    let (subject, mut blocks) = match all[..] {
        [(_, mentor, why)] => {
            let name = one_line(mentor, 60);
            let lead = format!("Something is wrong with the connected account of {name}:");
            (format!("The account of {name} needs a look"), vec![Block::say(lead), quote(why)])
        }
        _ => {
            let lead =
                format!("Something is wrong with {} connected accounts. What it is stands under each.", all.len());
            (format!("{} accounts need a look", all.len()), vec![Block::say(lead), Block::List(accounts(&all))])
        }
    };
    blocks.push(Block::say("payoutd does not try it again by itself, unless it says that it does."));
    let show = |(id, ..): &(&MentorId, &str, &str)| commands::mentor_show(id);
    let again = |(id, ..): &(&MentorId, &str, &str)| {
        let line = format!("payoutd mentor onboard {}", last_argument(id.as_str()));
        Command::new(line, "makes the account if there is none, and a link to Stripe's forms")
    };
    blocks.push(commands::block(all.iter().take(1).flat_map(|one| [show(one), again(one)])));
    to_admin(voice, one_line(&subject, 120), blocks)
}

fn account(notice: &Notice) -> Option<(&MentorId, &str, &str)> {
    match notice {
        Notice::AccountTrouble { mentor_id, mentor, why } => Some((mentor_id, mentor, why)),
        _ => None,
    }
}

fn accounts(all: &[(&MentorId, &str, &str)]) -> Table {
    let row = |(id, mentor, why): &(&MentorId, &str, &str)| Row {
        cells: vec![one_line(id.as_str(), 28), one_line(mentor, 28)],
        note: Some(one_line(why, 300)),
    };
    Table {
        columns: ["Mentor's id", "Mentor"].map(|title| Column { title: title.to_owned(), right: false }).into(),
        rows: all.iter().take(ROWS_MAX).map(row).collect(),
        more: all.len().saturating_sub(ROWS_MAX),
        totals: Vec::new(),
    }
}
