//! Medians, and the lines that are printed.

use super::cluster::Counted;

/// Several measurements of one thing.
#[derive(Debug, Clone, Default)]
pub struct Figures(pub Vec<f64>);

impl Figures {
    /// One more.
    pub fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    /// The middle one.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// `median (min to max)`.
    pub fn told(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{} ({} to {})", thousands(self.median()), thousands(least), thousands(most))
    }
}

/// `12,345`, or `3.7` where it is small.
pub fn thousands(figure: f64) -> String {
    if figure.abs() < 100.0 {
        return format!("{figure:.2}");
    }
    let digits = format!("{figure:.0}");
    let mut told = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n) % 3 == 0 {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// The value below which this part of the values lies.
pub fn percentile(sorted: &[u64], part: f64) -> f64 {
    let at = ((sorted.len() as f64) * part) as usize;
    sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default() as f64
}

/// What the database did for each item.
pub fn per_item(counted: Counted, items: usize) -> String {
    let per = |count: i64| count as f64 / items as f64;
    format!(
        "{:.3} queries, {:.4} commits, {} bytes of WAL",
        per(counted.queries),
        per(counted.commits),
        thousands(per(counted.wal))
    )
}

/// What it is measured on.
pub fn machine() {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    println!("{cores} cores, {model}; load {}", load.split(' ').take(3).collect::<Vec<_>>().join(" "));
}
