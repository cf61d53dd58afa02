//! What `cargo xtask linux-guest --rates` measured: the lines of the guest, and the table of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

/// I/O operations a second, by job (`randread 32 2`: direction, depth, how many at once), a number for
/// each turn.
#[derive(Debug, Default)]
pub struct Rates {
    jobs: BTreeMap<String, Vec<f64>>,
}

impl Rates {
    /// Reads the results of the phase `rates`, each a line `JOB<tab>NUMBER`. A step that is no job has to
    /// have come out as `ok`.
    pub fn read(results: &str) -> Result<Self> {
        let mut rates = Self::default();
        for line in results.lines() {
            let (job, result) = line.split_once('\t').context("a line without a result")?;
            if !job.starts_with("rand") {
                ensure!(result == "ok", "{job}: {result}");
                continue;
            }
            let rate: f64 = result.parse().with_context(|| format!("{job}: `{result}`"))?;
            ensure!(rate > 0.0, "{job}: nothing was done");
            rates.jobs.entry(job.to_owned()).or_default().push(rate);
        }
        ensure!(!rates.jobs.is_empty(), "nothing was measured");
        Ok(rates)
    }

    /// A table in Markdown: for each job the median and the best.
    pub fn table(&self, what: &str) -> String {
        let mut text =
            format!("| {what} | depth | queues | median | best |\n|---|---|---|---|---|\n");
        for (job, rates) in &self.jobs {
            let mut rates = rates.clone();
            rates.sort_by(f64::total_cmp);
            let (median, best) = (rates[rates.len() / 2], rates[rates.len() - 1]);
            let words: Vec<&str> = job.split(' ').collect();
            text += &format!("| {} | {median:.0}/s | {best:.0}/s |\n", words.join(" | "));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_best_of_the_turns_are_told() {
        let results = "driver\tok\nrandread 1 2\t90\nrandwrite 1 1\t7\nrandread 1 2\t100.4\n\
                       randread 1 2\t30\n";
        let table = Rates::read(results).unwrap().table("qemu");
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines,
            ["| randread | 1 | 2 | 90/s | 100/s |", "| randwrite | 1 | 1 | 7/s | 7/s |"]
        );
    }

    #[test]
    fn what_was_not_measured_is_an_error() {
        for (results, says) in [
            ("", "nothing was measured"),
            ("driver\tno disk\n", "driver: no disk"),
            ("randread 1 1\t\n", "randread 1 1"),
            ("randread 1 1\t0\n", "nothing was done"),
        ] {
            let error = Rates::read(results).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
