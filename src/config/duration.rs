//! Durations as people write them: `72h`, `1h30m`, `250ms`. The unit is obligatory.

use std::time::Duration;

const UNITS_MS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Parses one or more `number unit` pairs, without spaces.
///
/// # Errors
/// Says what is wrong and how to write it; a number without a unit is refused, since it would be
/// read as seconds by one person and as milliseconds by another.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err("is empty: write a number and its unit, such as \"72h\"".to_owned());
    }
    let mut rest = text;
    let mut total_ms: u64 = 0;
    while !rest.is_empty() {
        let (ms, after) = parse_pair(rest, text)?;
        total_ms = total_ms.checked_add(ms).ok_or_else(|| format!("\"{text}\" is too long"))?;
        rest = after;
    }
    Ok(Duration::from_millis(total_ms))
}

fn parse_pair<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), String> {
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, after) = rest.split_at(digits);
    if number.is_empty() {
        return Err(format!("\"{text}\" is not a duration: write a number and its unit, such as \"72h\""));
    }
    let letters = after.find(|c: char| c.is_ascii_digit());
    let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
    if unit.is_empty() {
        return Err(no_unit(text));
    }
    let (_, unit_ms) = UNITS_MS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| format!("\"{text}\" has the unknown unit \"{unit}\": use ms, s, m, h or d"))?;
    let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(*unit_ms));
    Ok((ms.ok_or_else(|| format!("\"{text}\" is too long"))?, after))
}

/// The complaint about a bare number.
pub(super) fn no_unit(number: impl std::fmt::Display) -> String {
    format!("{number} has no unit: write \"{number}s\" for seconds (ms, s, m, h or d)")
}

/// Writes a duration in the largest unit that shows it exactly: `72h`, `90s`, `250ms`.
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let unit = UNITS_MS
        .iter()
        .rev()
        // Hours up to three days: "72h" is how everyone names the dispute window.
        .filter(|(name, _)| *name != "d" || ms > 72 * 3_600_000)
        .find(|(_, unit_ms)| ms > 0 && ms.is_multiple_of(u128::from(*unit_ms)));
    match unit {
        Some((name, unit_ms)) => format!("{}{name}", ms / u128::from(*unit_ms)),
        None => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit_and_sums_of_them() {
        for (text, ms) in [
            ("250ms", 250),
            ("3s", 3_000),
            ("15m", 900_000),
            ("72h", 259_200_000),
            ("3d", 259_200_000),
            ("1h30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_could_be_misread() {
        for (text, complaint) in [
            ("", "is empty: write a number and its unit, such as \"72h\""),
            ("72", "72 has no unit: write \"72s\" for seconds (ms, s, m, h or d)"),
            ("72 h", "\"72 h\" has the unknown unit \" h\": use ms, s, m, h or d"),
            ("3w", "\"3w\" has the unknown unit \"w\": use ms, s, m, h or d"),
            ("1h30", "1h30 has no unit: write \"1h30s\" for seconds (ms, s, m, h or d)"),
            ("soon", "\"soon\" is not a duration: write a number and its unit, such as \"72h\""),
            ("-3s", "\"-3s\" is not a duration: write a number and its unit, such as \"72h\""),
            ("99999999999999999999s", "\"99999999999999999999s\" is too long"),
            ("18446744073709551615ms1ms", "\"18446744073709551615ms1ms\" is too long"),
        ] {
            assert_eq!(parse_duration(text), Err(complaint.to_owned()), "{text}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["250ms", "3s", "90s", "15m", "72h", "7d", "0s"] {
            assert_eq!(parse_duration(text).map(show_duration), Ok(text.to_owned()));
        }
    }
}
