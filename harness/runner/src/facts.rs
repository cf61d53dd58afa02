//! What a report says about the run's surroundings.

use dut::{Capabilities, Capability, Clock, Dut, Identity};
use log::{Body, Log};
use model::Profile;
use reports::{CapabilityFact, ChoiceTaken, DutFacts, ProfileFacts};
use spec::Version;

/// The commit that the program was built from, or `unknown`.
pub const COMMIT: &str = env!("LOCKSTEP_COMMIT");

/// Who the DUT is; `arguments` open it, and `revision` is what it is judged by.
pub fn dut(dut: &dyn Dut, arguments: &str, revision: Option<Version>) -> DutFacts {
    of(dut.identity(), dut.capabilities(), arguments, revision)
}

/// As [`dut()`], of one that is observed rather than driven.
pub fn of(
    identity: Identity,
    all: &Capabilities,
    arguments: &str,
    revision: Option<Version>,
) -> DutFacts {
    DutFacts {
        kind: identity.kind,
        arguments: arguments.into(),
        description: identity.description,
        clock: clock(all.clock),
        revision: revision.map(|version| version.to_string()).unwrap_or_default(),
        controllers: all.controllers,
        capabilities: capabilities(all),
    }
}

/// The clock, as reports write it.
fn clock(clock: Clock) -> reports::Clock {
    match clock {
        Clock::Virtual => reports::Clock::Virtual,
        Clock::Wall => reports::Clock::Wall,
    }
}

/// What the transport can do, by name.
fn capabilities(all: &Capabilities) -> Vec<CapabilityFact> {
    let fact = |capability: Capability| CapabilityFact {
        name: capability.name().into(),
        value: all.in_words(capability),
    };
    Capability::ALL.into_iter().map(fact).collect()
}

/// The profile, with every named choice and the reading taken.
pub fn profile(profile: &Profile, name: &str) -> ProfileFacts {
    let default = Profile::default().quiet_window;
    let seconds = |nanos: u64| format!("{} s", nanos as f64 / 1e9);
    let window = ChoiceTaken {
        name: "silence.quiet-window".into(),
        question:
            "No command has a time limit: after how much quiet is an owed completion missing?"
                .into(),
        readings: vec![seconds(default), "any other time".into()],
        taken: seconds(profile.quiet_window),
        pinned: profile.quiet_window != default,
        shown: Vec::new(),
    };
    let choices = model::CHOICES.iter().map(|choice| {
        let pinned = profile.choices.iter().find(|(name, _)| name == choice.name);
        ChoiceTaken {
            name: choice.name.into(),
            question: choice.question.into(),
            readings: choice.readings.iter().map(|&reading| reading.into()).collect(),
            taken: pinned.map_or("either", |(_, reading)| reading).into(),
            pinned: pinned.is_some(),
            shown: Vec::new(),
        }
    });
    ProfileFacts { name: name.into(), choices: std::iter::once(window).chain(choices).collect() }
}

/// The revision that a log is judged by: the profile's, or VS as it was read.
pub fn revision(profile: &Profile, log: &Log) -> Option<Version> {
    let vs = log.records().iter().find_map(|record| match record.body() {
        Body::RegisterRead(read) if read.offset == spec::register::VS => Some(read.value),
        _ => None,
    });
    profile.revision.or(vs.map(|vs| Version::from_raw(vs as u32)))
}

/// Who was tested, as the origin record of a log says.
pub fn origin(log: &Log) -> Option<String> {
    let Body::Origin(origin) = log.records().first()?.body() else { return None };
    let json: serde_json::Value = serde_json::from_slice(log.payload(origin.payload)).ok()?;
    Some(json.pointer("/dut/description")?.as_str()?.to_string())
}

/// The machine's name.
pub fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_string())
}
