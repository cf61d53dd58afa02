//! What a trace file says about itself, in JSON: who, how, by which profile.

use std::sync::Arc;

use dut::{Capabilities, Identity};
use log::trace::Trace;
use model::{Coverage, Finding, Judge, Profile, Verdict};
use serde_json::{Value, json};
use spec::Version;

use crate::bench::TestRun;
use crate::sequence::Sequence;

/// The payload of the origin record: the DUT and what its transport can do.
pub(crate) fn origin_json(identity: &Identity, caps: &Capabilities) -> String {
    json!({
        "dut": { "kind": identity.kind, "description": identity.description },
        "capabilities": capabilities_json(caps),
    })
    .to_string()
}

fn capabilities_json(caps: &Capabilities) -> Value {
    let resets: Vec<String> = caps.resets.iter().map(|kind| format!("{kind:?}")).collect();
    json!({
        "clock": format!("{:?}", caps.clock),
        "controllers": caps.controllers,
        "resets": resets,
        "irq": format!("{:?}", caps.irq),
        "msix_vectors": caps.msix_vectors,
        "msix_table": caps.msix_table,
        "dma": format!("{:?}", caps.dma),
        "read_flushes_dma": caps.read_flushes_dma,
        "wide_access": caps.wide_access,
        "holds": caps.holds,
    })
}

/// What a trace's header says. Who the DUT is stands in the origin record.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TraceHeader {
    /// The test or sequence that made it.
    pub test: String,
    /// The seed of the run.
    pub seed: u64,
    /// The commit of the harness.
    pub commit: String,
    /// How the DUT was opened, so that it can be opened again: `emulator --defect phase-stuck`.
    pub dut: String,
    /// The profile that it was judged by.
    pub profile: Profile,
}

/// Why the header of a trace cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the trace's header: {0}")]
pub struct HeaderError(String);

impl TraceHeader {
    /// As the header text of a trace.
    pub fn to_json(&self) -> String {
        let value = json!({
            "test": self.test,
            "seed": format!("{:#x}", self.seed),
            "commit": self.commit,
            "dut": self.dut,
            "profile": profile_json(&self.profile),
        });
        format!("{value:#}")
    }

    /// From the header text of a trace.
    ///
    /// # Errors
    /// What is missing or of the wrong kind.
    pub fn from_json(text: &str) -> Result<Self, HeaderError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| HeaderError(error.to_string()))?;
        let seed = text_of(&value, "seed")?;
        let digits = seed.strip_prefix("0x").unwrap_or_default();
        Ok(Self {
            test: text_of(&value, "test")?,
            seed: u64::from_str_radix(digits, 16)
                .map_err(|_| HeaderError(format!("`seed` is {seed:?}, no hexadecimal number")))?,
            commit: text_of(&value, "commit")?,
            dut: text_of(&value, "dut")?,
            profile: profile_from(value.get("profile").unwrap_or(&Value::Null))?,
        })
    }
}

fn text_of(value: &Value, key: &str) -> Result<String, HeaderError> {
    let text = value.get(key).and_then(Value::as_str);
    text.map(str::to_string).ok_or_else(|| HeaderError(format!("`{key}` is not a text")))
}

/// Every field is named here, so that a new one cannot be forgotten: it would change verdicts.
fn profile_json(profile: &Profile) -> Value {
    let Profile {
        deadline_margin,
        quiet_window,
        anomaly_budget,
        revision,
        choices,
        inconclusive_ceiling,
        tainted_ceiling,
    } = profile;
    json!({
        "deadline_margin": deadline_margin,
        "quiet_window": quiet_window,
        "anomaly_budget": anomaly_budget,
        "revision": revision.map(|version| version.to_string()),
        "choices": choices,
        "inconclusive_ceiling": inconclusive_ceiling,
        "tainted_ceiling": tainted_ceiling,
    })
}

fn profile_from(value: &Value) -> Result<Profile, HeaderError> {
    let missing = |key: &str| HeaderError(format!("`profile.{key}` is missing or no such value"));
    let number = |key: &str| value.get(key).and_then(Value::as_u64).ok_or_else(|| missing(key));
    let share = |key: &str| value.get(key).and_then(Value::as_f64).ok_or_else(|| missing(key));
    let revision = match value.get("revision") {
        Some(Value::String(text)) => Some(Version::parse(text).ok_or_else(|| missing("revision"))?),
        _ => None,
    };
    let choices = value.get("choices").cloned().unwrap_or_default();
    Ok(Profile {
        deadline_margin: number("deadline_margin")?,
        quiet_window: number("quiet_window")?,
        anomaly_budget: number("anomaly_budget")? as u32,
        revision,
        choices: serde_json::from_value(choices).map_err(|_| missing("choices"))?,
        inconclusive_ceiling: share("inconclusive_ceiling")?,
        tainted_ceiling: share("tainted_ceiling")?,
    })
}

impl TestRun {
    /// The run as a trace file.
    pub fn trace(&self, header: &TraceHeader) -> Trace {
        Trace { header: header.to_json(), sequence: self.sequence.to_text(), log: self.log.clone() }
    }
}

/// The sequence of a trace.
///
/// # Errors
/// If its text is none.
pub fn sequence_of(trace: &Trace) -> Result<Sequence, crate::text::TextError> {
    Sequence::from_text(&trace.sequence)
}

/// Judges a log again: the findings and the verdict are the same as when it was written.
pub fn judge(log: &log::Log, profile: Arc<Profile>) -> (Verdict, Vec<Finding>, Coverage) {
    let mut judge = Judge::new(profile);
    judge.catch_up(log);
    (judge.verdict(), judge.findings().to_vec(), judge.coverage().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let header = TraceHeader {
            test: "base/admin/x".into(),
            seed: 0x5eed_0041,
            commit: "1a2b3c4".into(),
            dut: "emulator".into(),
            profile: Profile {
                revision: Version::parse("2.3"),
                choices: vec![("a".into(), "b".into())],
                ..Profile::default()
            },
        };
        assert_eq!(TraceHeader::from_json(&header.to_json()), Ok(header));
    }

    #[test]
    fn a_bad_header_is_named() {
        for (text, what) in [
            ("", "EOF"),
            ("{}", "`seed` is not a text"),
            (r#"{"seed":"7","test":"x","commit":"","dut":""}"#, "no hexadecimal number"),
            (r#"{"seed":"0x7","test":"x","commit":"","dut":""}"#, "profile.deadline_margin"),
        ] {
            let error = TraceHeader::from_json(text).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }
}
