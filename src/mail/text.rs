//! Text that came from elsewhere (names, bookings, Stripe's words), made safe to set on one line of an email, into a
//! subject, or into a command that someone will paste into a shell. It writes no sentences.

/// The text on one line: control characters and the marks that turn or hide text become spaces, runs of space become
/// one, and what is longer than `max` characters is cut with an ellipsis. `=?`, with which a header says that what
/// follows is encoded, is broken up: mail clients would decode it into what was just taken out.
pub fn one_line(text: &str, max: usize) -> String {
    let visible: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    let joined = visible.split_whitespace().collect::<Vec<_>>().join(" ").replace("=?", "= ?");
    clip(&joined, max)
}

/// At most `max` characters, the last of them an ellipsis when something was cut, between words where one ends near.
pub fn clip(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    let cut = kept.rfind(' ').filter(|&end| kept[..end].chars().count() * 3 > max * 2);
    format!("{}…", kept[..cut.unwrap_or(kept.len())].trim_end())
}

/// The text as a sentence: a capital first, a full stop last.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let stop = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), chars.as_str())
}

/// Characters that a mail client may act on instead of showing: controls, line separators, zero-width marks and the
/// bidirectional overrides with which `gpj.exe` is made to read `exe.jpg`.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text as the last argument of a shell command: quoted where the shell would read it otherwise, and after `--`
/// where it could pass for an option. Metadata is written by others; a pasted command must not run it.
pub fn last_argument(text: &str) -> String {
    let text = one_line(text, 200);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '@' | '+');
    let quoted = match !text.is_empty() && text.chars().all(plain) {
        true => text.clone(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    if text.starts_with('-') { format!("-- {quoted}") } else { quoted }
}

/// `a`, `a and b`, `a, b and c`.
pub fn and_list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_break_a_line_or_turn_it_becomes_a_space() {
        for (given, shown) in [
            ("Ada  Mentor ", "Ada Mentor"),
            ("Ada\r\nBcc: eve@example.org", "Ada Bcc: eve@example.org"),
            ("a\u{202e}b\u{200b}c\u{feff}", "a b c"),
            ("a\u{2028}b\u{85}c\0d\x1b[31m", "a b c d [31m"),
            ("Żółć 山田", "Żółć 山田"),
            ("=?utf-8?q?a=0D=0A?=", "= ?utf-8?q?a=0D=0A?="),
            ("", ""),
        ] {
            assert_eq!(one_line(given, 80), shown);
        }
        assert_eq!(one_line("abcdef", 6), "abcdef");
        assert_eq!(one_line("abc defg", 5), "abc…");
        assert_eq!(one_line("two words more", 12), "two words…");
        assert_eq!(one_line("a bbbbbbbbbbbbbbbb", 12), "a bbbbbbbbb…");
        assert_eq!([sentence("it is so"), sentence("Stop."), sentence("")], ["It is so.", "Stop.", ""]);
    }

    #[test]
    fn a_pasted_command_runs_nothing_but_itself() {
        for (given, argument) in [
            ("mentor_17", "mentor_17"),
            ("ada@example.com", "ada@example.com"),
            ("two words", "'two words'"),
            ("$(reboot)", "'$(reboot)'"),
            ("x'; reboot; '", r"'x'\''; reboot; '\'''"),
            ("a\nreboot", "'a reboot'"),
            ("--config=/etc/passwd", "-- '--config=/etc/passwd'"),
            ("", "''"),
        ] {
            assert_eq!(last_argument(given), argument);
        }
    }

    #[test]
    fn lists_read_as_people_say_them() {
        let list = |n: usize| and_list(&["a".into(), "b".into(), "c".into()][..n]);
        assert_eq!([list(0), list(1), list(2), list(3)], ["", "a", "a and b", "a, b and c"]);
    }
}
