//! List calls: newest first, a cursor either way, a limit, and `created` bounds.

use serde_json::{Value, json};

use super::error::StripeError;
use super::params::Params;
use super::store::Object;

/// What every list call takes besides its own filters.
pub(super) const LIST_PARAMS: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// Allows the list parameters and these filters.
pub(super) fn allow(params: &Params, filters: &[&str]) -> Result<(), StripeError> {
    params.allow(&[&LIST_PARAMS, filters].concat())
}

/// One page of the items (given oldest first) that pass the filter.
pub(super) fn page<'a, T: Object + 'a>(
    params: &Params,
    url: &str,
    items: impl DoubleEndedIterator<Item = &'a T>,
    keep: impl Fn(&T) -> bool,
) -> Result<Value, StripeError> {
    let limit = limit(params)?;
    let created = Created::read(params)?;
    let mut matching: Vec<&T> = items.rev().filter(|item| keep(item) && created.holds(item.created())).collect();
    let has_more = if let Some(cursor) = params.text("ending_before")? {
        let end = place(&matching, cursor, "ending_before")?;
        let start = end.saturating_sub(limit);
        matching = matching[start..end].to_vec();
        start > 0
    } else {
        let start = match params.text("starting_after")? {
            Some(cursor) => place(&matching, cursor, "starting_after")? + 1,
            None => 0,
        };
        let has_more = matching.len() - start > limit;
        matching = matching.into_iter().skip(start).take(limit).collect();
        has_more
    };
    let data: Vec<Value> = matching.iter().map(|item| item.json()).collect();
    Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
}

fn limit(params: &Params) -> Result<usize, StripeError> {
    match params.amount("limit")? {
        None => Ok(10),
        Some(limit @ 1..=100) => Ok(usize::try_from(limit).unwrap_or(100)),
        Some(_) => {
            let text = "This value must be less than or equal to 100.";
            Err(StripeError::invalid("parameter_invalid_integer", "limit", text))
        }
    }
}

fn place<T: Object>(items: &[&T], cursor: &str, param: &str) -> Result<usize, StripeError> {
    let found = items.iter().position(|item| item.id() == cursor);
    found.ok_or_else(|| StripeError::no_such_param(T::KIND, cursor, param))
}

/// The bounds of `created`, in unix seconds, both inclusive.
struct Created {
    from: i64,
    to: i64,
}

impl Created {
    fn read(params: &Params) -> Result<Self, StripeError> {
        if let Some(at) = params.integer("created")? {
            return Ok(Self { from: at, to: at });
        }
        let after = params.integer("created[gt]")?.map(|at| at.saturating_add(1));
        let before = params.integer("created[lt]")?.map(|at| at.saturating_sub(1));
        Ok(Self {
            from: params.integer("created[gte]")?.or(after).unwrap_or(i64::MIN),
            to: params.integer("created[lte]")?.or(before).unwrap_or(i64::MAX),
        })
    }

    fn holds(&self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}
