//! Form-encoded parameters and their validation, with Stripe's own refusals.
//! Everything refused here is refused before execution, so no idempotency key remembers it.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::error::StripeError;
use super::money;

type Refusal = Result<(), StripeError>;

/// The parameters of one request, in the order in which they came.
#[derive(Debug, Default, Clone)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=1&b[c]=2`; a plus is a space, as in HTML forms.
    pub fn parse(form: &str) -> Self {
        let pairs = form.split('&').filter(|pair| !pair.is_empty());
        Self(pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(decode_pair).collect())
    }

    /// A text that is the same for the same parameters in any order: what an idempotency key is compared by.
    pub fn fingerprint(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.sort_unstable();
        pairs.join("\n")
    }

    /// Refuses every parameter whose first name is not one of these (`expand` always is).
    pub fn allow(&self, names: &[&str]) -> Refusal {
        for (name, _) in &self.0 {
            let first = name.split('[').next().unwrap_or_default();
            if first != "expand" && !names.contains(&first) {
                return Err(StripeError::invalid(
                    "parameter_unknown",
                    name,
                    format!("Received unknown parameter: {name}"),
                ));
            }
        }
        Ok(())
    }

    /// The value of a parameter, if it was sent; an empty one is refused.
    pub fn text(&self, name: &str) -> Result<Option<&str>, StripeError> {
        match self.raw(name) {
            Some("") => Err(StripeError::invalid(
                "parameter_invalid_empty",
                name,
                format!(
                    "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a \
                     parameter; however '{name}' cannot be unset. You should remove '{name}' from your request or \
                     supply a non-empty value."
                ),
            )),
            other => Ok(other),
        }
    }

    pub fn required(&self, name: &str) -> Result<&str, StripeError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub fn required_amount(&self, name: &str) -> Result<i64, StripeError> {
        self.amount(name)?.ok_or_else(|| missing(name))
    }

    /// A whole number of minor units, at least 1.
    pub fn amount(&self, name: &str) -> Result<Option<i64>, StripeError> {
        let Some(amount) = self.integer(name)? else {
            return Ok(None);
        };
        if amount < 1 {
            let text = "This value must be greater than or equal to 1.";
            return Err(StripeError::invalid("parameter_invalid_integer", name, text));
        }
        if amount > 99_999_999_999 {
            let text = "Amount must be no more than 99999999999.";
            return Err(StripeError::invalid("amount_too_large", name, text));
        }
        Ok(Some(amount))
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, StripeError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = text
            .parse()
            .map_err(|_| StripeError::invalid("parameter_invalid_integer", name, format!("Invalid integer: {text}")))?;
        Ok(Some(number))
    }

    /// A known currency, in lower case.
    pub fn required_currency(&self) -> Result<String, StripeError> {
        let given = self.required("currency")?;
        let code = given.to_lowercase();
        if money::is_currency(&code) {
            return Ok(code);
        }
        let text = format!("Invalid currency: {given}. Stripe does not support it.");
        Err(StripeError::before_execution(400, None, text).with_param("currency"))
    }

    /// One of these values.
    pub fn one_of(&self, name: &str, values: &[&str]) -> Result<Option<&str>, StripeError> {
        let Some(given) = self.text(name)? else {
            return Ok(None);
        };
        if values.contains(&given) {
            return Ok(Some(given));
        }
        let text = format!("Invalid {name}: must be one of {}", values.join(", "));
        Err(StripeError::before_execution(400, None, text).with_param(name))
    }

    /// `name[key]=value` as a map; an empty value is kept, since it unsets the key.
    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        let inside = |full: &str| Some(full.strip_prefix(name)?.strip_prefix('[')?.strip_suffix(']')?.to_owned());
        let pairs = self.0.iter().filter_map(|(full, value)| Some((inside(full)?, value.clone())));
        pairs.collect()
    }

    /// `name[]=a&name[]=b`, or with numbers in the brackets.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let inside = |full: &str| full.strip_prefix(name).is_some_and(|rest| rest.starts_with('['));
        self.0.iter().filter(|(full, _)| inside(full)).map(|(_, value)| value.as_str()).collect()
    }

    /// The metadata, held to Stripe's limits: 50 keys, names of 40 and values of 500 characters.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>, StripeError> {
        let metadata = self.map("metadata");
        if metadata.len() > 50 {
            let text = "You can have up to 50 keys in metadata";
            return Err(StripeError::before_execution(400, None, text).with_param("metadata"));
        }
        for (key, value) in &metadata {
            let (key_length, value_length) = (key.chars().count(), value.chars().count());
            if key_length > 40 || value_length > 500 {
                let text = format!(
                    "Metadata keys can have up to 40 characters and values up to 500, but you passed in a key of \
                     {key_length} with a value of {value_length} characters. Invalid key: {key}"
                );
                return Err(StripeError::before_execution(400, None, text).with_param("metadata"));
            }
        }
        Ok(metadata)
    }

    /// The first value under exactly this name.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }
}

/// Lays an update over what is there: an empty value removes the key.
pub(super) fn update_metadata(metadata: &mut BTreeMap<String, String>, update: BTreeMap<String, String>) {
    for (key, value) in update {
        if value.is_empty() {
            metadata.remove(&key);
        } else {
            metadata.insert(key, value);
        }
    }
}

fn missing(name: &str) -> StripeError {
    StripeError::invalid("parameter_missing", name, format!("Missing required param: {name}."))
}

fn decode_pair((name, value): (&str, &str)) -> (String, String) {
    (decode(name), decode(value))
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_names_become_maps_and_lists() {
        let params = Params::parse("metadata[a]=1&metadata%5Bb%5D=x+y%26z&expand[]=balance_transaction&amount=5");
        assert_eq!(params.map("metadata")["b"], "x y&z");
        assert_eq!(params.list("expand"), ["balance_transaction"]);
        assert_eq!(params.amount("amount"), Ok(Some(5)));
    }

    #[test]
    fn bad_values_are_refused_with_the_parameter_and_the_code() {
        let params = Params::parse("amount=1.5&currency=&limit=0&foo[bar]=1");
        let code = |error: StripeError| (error.code.unwrap_or_default(), error.param.unwrap_or_default());
        let cases = [
            (params.amount("amount").unwrap_err(), "parameter_invalid_integer", "amount"),
            (params.required("currency").unwrap_err(), "parameter_invalid_empty", "currency"),
            (params.required("destination").unwrap_err(), "parameter_missing", "destination"),
            (params.amount("limit").unwrap_err(), "parameter_invalid_integer", "limit"),
            (params.allow(&["amount", "currency", "limit"]).unwrap_err(), "parameter_unknown", "foo[bar]"),
        ];
        for (error, want, param) in cases {
            assert_eq!(error.kept, super::super::error::Kept::Forgotten);
            assert_eq!(code(error), (want.to_owned(), param.to_owned()));
        }
    }

    #[test]
    fn the_fingerprint_ignores_the_order() {
        assert_eq!(Params::parse("a=1&b=2").fingerprint(), Params::parse("b=2&a=1").fingerprint());
        assert_ne!(Params::parse("a=1").fingerprint(), Params::parse("a=2").fingerprint());
    }
}
