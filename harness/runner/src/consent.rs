//! What the owner of a real controller has consented to.
//!
//! The emulator and QEMU are ours: everything may be done to them. A controller that belongs to
//! somebody else gets nothing above *harmless*, unless its owner has named it by its serial number.

use lab::Hazard;

use crate::lane::LaneError;

/// Consent to what may be done to a controller that is not ours.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Consent {
    /// Data and saved settings of the controller with this serial number may be changed.
    pub erase: Option<String>,
    /// Other functions and the host may be taken down too.
    pub disrupt: bool,
}

impl Consent {
    /// The worst that may be done. What cannot be undone never may.
    pub fn hazard(&self) -> Hazard {
        match (&self.erase, self.disrupt) {
            (None, _) => Hazard::Harmless,
            (Some(_), false) => Hazard::Erasing,
            (Some(_), true) => Hazard::Disruptive,
        }
    }

    /// The program's arguments that give it.
    pub(crate) fn arguments(&self) -> String {
        let mut arguments = String::new();
        if let Some(serial) = &self.erase {
            arguments += &format!(" --erase '{}'", serial.replace('\'', r"'\''"));
        }
        if self.disrupt {
            arguments += " --disrupt";
        }
        arguments
    }

    /// Refuses a controller whose serial number is not the one that was named. `found` is what it says
    /// of itself, without the padding.
    pub fn check(&self, found: &str) -> Result<(), LaneError> {
        let Some(named) = &self.erase else { return Ok(()) };
        if named == found {
            return Ok(());
        }
        Err(LaneError {
            usage: true,
            text: format!(
                "--erase {named}: the controller's serial number is {found:?}; nothing was written"
            ),
        })
    }
}

/// Refuses to begin work that goes beyond what was consented to; `what` it is, and the hazard of each
/// part of it. What cannot be undone is never done, so it is no reason to refuse: it is left out.
pub fn covers(
    given: Hazard,
    what: &str,
    hazards: impl IntoIterator<Item = Hazard>,
) -> Result<(), LaneError> {
    let (mut over, mut parts, mut worst) = (0, 0, Hazard::Harmless);
    for hazard in hazards {
        parts += 1;
        if hazard > given && hazard != Hazard::Irreversible {
            over += 1;
            worst = worst.max(hazard);
        }
    }
    if over == 0 {
        return Ok(());
    }
    const SERIAL: &str = "the controller's own serial number; `lockstep doctor` tells it";
    let missing = match (given, worst) {
        (Hazard::Harmless, Hazard::Erasing) => format!("--erase SERIAL ({SERIAL})"),
        (Hazard::Harmless, _) => format!("--erase SERIAL ({SERIAL}) --disrupt"),
        _ => "--disrupt".into(),
    };
    let text = format!(
        "{over} of the {parts} {what} are beyond what was consented to, up to {worst}: they need \
         {missing}; or choose others, such as --filter hazard:{given}; nothing was touched"
    );
    Err(LaneError { usage: true, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consent_is_given_to_one_serial_number_and_never_to_what_cannot_be_undone() {
        let none = Consent { erase: None, disrupt: true };
        assert_eq!(none.hazard(), Hazard::Harmless);
        let named = Consent { erase: Some("S1".into()), disrupt: false };
        assert_eq!(named.hazard(), Hazard::Erasing);
        let all = Consent { disrupt: true, ..named.clone() };
        assert_eq!(all.hazard(), Hazard::Disruptive);
        assert_eq!(named.check("S1"), Ok(()));
        for other in ["", "s1", "S1 ", "S11"] {
            assert!(named.check(other).is_err_and(|error| error.usage), "{other}");
        }
        assert_eq!(none.check("anything"), Ok(()));
    }

    #[test]
    fn work_beyond_the_consent_is_refused_before_it_begins() {
        use Hazard::{Disruptive, Erasing, Harmless, Irreversible};
        let refused_or = |given, hazards: &[Hazard]| {
            covers(given, "tests", hazards.iter().copied()).map_err(|error| error.text)
        };
        assert_eq!(refused_or(Harmless, &[Harmless, Irreversible]), Ok(()));
        let refused = refused_or(Harmless, &[Harmless, Erasing]).unwrap_err();
        assert!(refused.starts_with("1 of the 2 tests"), "{refused}");
        assert!(refused.contains("--erase SERIAL ("), "{refused}");
        let refused = refused_or(Harmless, &[Erasing, Disruptive]).unwrap_err();
        assert!(
            refused.contains("--erase SERIAL (") && refused.contains(") --disrupt;"),
            "{refused}"
        );
        let refused = refused_or(Erasing, &[Erasing, Disruptive]).unwrap_err();
        assert!(refused.contains("need --disrupt; or"), "{refused}");
        assert_eq!(refused_or(Disruptive, &[Erasing, Disruptive, Irreversible]), Ok(()));
    }
}
