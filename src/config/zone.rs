//! Time zones by their names in the IANA database, and the name that was probably meant.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::keys::nearest;
use super::value::{FromRaw, Raw};

impl FromRaw for Tz {
    fn from_raw(raw: &Raw) -> Result<Self, String> {
        let typed = String::from_raw(raw)?;
        typed.parse().map_err(|_| {
            let shown = typed.escape_debug();
            match meant(&typed) {
                Some(name) => format!("\"{shown}\" is not a time zone: did you mean \"{name}\"?"),
                None => format!("\"{shown}\" is not a time zone: write \"UTC\", or a name such as \"Europe/Berlin\""),
            }
        })
    }

    fn shown(&self) -> String {
        self.name().to_owned()
    }
}

fn meant(typed: &str) -> Option<&'static str> {
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let place = |name: &&str| name.rsplit('/').next().is_some_and(|place| place.eq_ignore_ascii_case(typed));
    let spaced = typed.trim().replace(' ', "_");
    let same = names().find(|name| name.eq_ignore_ascii_case(&spaced));
    // Three letters are near to a dozen others.
    let near = || nearest(&spaced, names()).filter(|_| spaced.len() > 4);
    same.or_else(|| names().find(place)).or_else(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_named_or_guessed() {
        let zone = |typed: &str| Tz::from_raw(&Raw::Text(typed.to_owned()));
        assert_eq!(zone("Europe/Berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(zone("UTC"), Ok(Tz::UTC));
        for (typed, meant) in [
            ("Europe/Berln", Some("Europe/Berlin")),
            ("europe/berlin", Some("Europe/Berlin")),
            ("America/New York", Some("America/New_York")),
            ("Berlin", Some("Europe/Berlin")),
            ("utc", Some("UTC")),
            ("CEST", None),
            ("Mars/Olympus_Mons", None),
            ("+02:00", None),
        ] {
            let said = zone(typed).expect_err(typed);
            match meant {
                Some(name) => assert!(said.ends_with(&format!("did you mean \"{name}\"?")), "{said}"),
                None => assert!(said.ends_with("a name such as \"Europe/Berlin\""), "{said}"),
            }
        }
    }
}
