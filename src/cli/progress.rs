//! A bar for long work, on standard error. Not drawn where that is not a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `total` steps.
pub(super) fn bar(total: i64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left");
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or_default()).with_message(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
