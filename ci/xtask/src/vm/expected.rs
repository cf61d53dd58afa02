//! What a job of many steps is expected to say, as data beside its script.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The expectations of `ci/vm/linux-guest.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// By phase.
    steps: BTreeMap<String, Vec<String>>,
    kernel_log: KernelLog,
    #[serde(default, rename = "exception")]
    exceptions: Vec<Exception>,
}

/// What must not stand in the kernel's log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KernelLog {
    /// Words, in lower case.
    alarms: Vec<String>,
}

/// A step or a line of the kernel's log that is not as it should be, and why that is so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// On which device only.
    device: Option<String>,
    /// In which phases only; none: in all.
    #[serde(default)]
    phases: Vec<String>,
    /// The step; without one it is about the kernel's log.
    step: Option<String>,
    /// Parts of the result, or of the line: one of them is enough.
    says: Vec<String>,
    /// The reason; never read by the program.
    #[expect(dead_code, reason = "it is for whoever reads the file")]
    why: String,
}

impl Exception {
    fn covers(&self, device: &str, phase: &str, step: Option<&str>, text: &str) -> bool {
        self.device.as_deref().is_none_or(|only| only == device)
            && (self.phases.is_empty() || self.phases.iter().any(|only| only == phase))
            && self.step.as_deref() == step
            && self.says.iter().any(|part| text.contains(part))
    }
}

impl Expected {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    }

    /// Everything that is not as expected: in the results of `phase` on `device`, each a line
    /// `STEP<tab>RESULT`, and in the kernel's log as `dmesg -r` gives it.
    pub fn faults(&self, device: &str, phase: &str, results: &str, log: &str) -> Vec<String> {
        let steps = self.steps.get(phase).map(Vec::as_slice).unwrap_or_default();
        let mut faults = Vec::new();
        let mut found: BTreeMap<&str, &str> = BTreeMap::new();
        let mut order = Vec::new();
        for line in results.lines() {
            match line.split_once('\t') {
                Some((step, result)) => {
                    found.insert(step, result);
                    order.push(step);
                }
                None => faults.push(format!("this is no result: {line}")),
            }
        }
        let mut missing = Vec::new();
        for step in steps {
            let Some(result) = found.get(step.as_str()) else {
                missing.push(step.as_str());
                continue;
            };
            let excepted = |e: &Exception| e.covers(device, phase, Some(step), result);
            if *result != "ok" && !self.exceptions.iter().any(excepted) {
                faults.push(format!("{step}: {result}"));
            }
        }
        if !missing.is_empty() {
            faults.push(format!("not done: {}", missing.join(", ")));
        }
        let unknown = order.iter().filter(|step| !steps.iter().any(|known| known == *step));
        faults.extend(unknown.map(|step| format!("{step}: not in the list of steps")));
        faults.extend(self.alarms(device, phase, log));
        faults
    }

    /// What stands in the kernel's log and should not.
    pub fn alarms(&self, device: &str, phase: &str, log: &str) -> Vec<String> {
        let alarms = log.lines().filter(|line| self.is_alarm(line));
        let excepted =
            |line: &str| self.exceptions.iter().any(|e| e.covers(device, phase, None, line));
        let mut faults: Vec<String> = alarms
            .filter(|line| !excepted(line))
            .map(|line| format!("kernel log: {line}"))
            .collect();
        if log.is_empty() {
            faults.push("kernel log: not there".into());
        }
        faults
    }

    fn is_alarm(&self, line: &str) -> bool {
        // Level and facility in one number: the level is its lower three bits.
        let level = line.strip_prefix('<').and_then(|line| line.split_once('>'));
        let level = level.and_then(|(level, _)| level.parse::<u32>().ok()).map(|level| level & 7);
        let lower = line.to_lowercase();
        level.is_none_or(|level| level <= 4)
            && self.kernel_log.alarms.iter().any(|word| lower.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
steps.first = ["a", "b"]
kernel-log.alarms = ["nvme"]
[[exception]]
device = "qemu"
step = "b"
says = ["no such"]
why = "it has none"
[[exception]]
says = ["other", "quirk"]
why = "expected"
[[exception]]
phases = ["second"]
says = ["fine later"]
why = "expected there only"
"#;

    fn faults(device: &str, results: &str, log: &str) -> Vec<String> {
        let expected: Expected = toml::from_str(TEXT).unwrap();
        expected.faults(device, "first", results, log)
    }

    #[test]
    fn all_ok_is_no_fault() {
        assert_eq!(faults("serve", "a\tok\nb\tok\n", "<6>[1.0] nvme0: pci function\n"), [""; 0]);
    }

    #[test]
    fn an_exception_covers_its_device_only() {
        let results = "a\tok\nb\tfailed (1): no such log\n";
        assert_eq!(faults("qemu", results, "<6>x"), [""; 0]);
        assert_eq!(faults("serve", results, "<6>x"), ["b: failed (1): no such log"]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_a_fault() {
        let found = faults("serve", "a\tok\nc\tok\ngarbage\n", "<6>x");
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn an_exception_covers_its_phases_only() {
        let expected: Expected = toml::from_str(TEXT).unwrap();
        let log = "<4>[1.0] nvme fine later";
        assert_eq!(expected.alarms("qemu", "second", log), [""; 0]);
        assert_eq!(expected.alarms("qemu", "first", log).len(), 1);
    }

    #[test]
    fn the_kernel_log_must_be_quiet_and_there() {
        let results = "a\tok\nb\tok\n";
        let log = "<4>[1.0] NVMe nvme0: I/O 1 timeout\n<12>[1.0] nvme quirk\n<30>[1.0] nvme fine";
        assert_eq!(
            faults("serve", results, log),
            ["kernel log: <4>[1.0] NVMe nvme0: I/O 1 timeout"]
        );
        assert_eq!(faults("serve", results, ""), ["kernel log: not there"]);
    }
}
