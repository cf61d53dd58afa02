//! Requirement handles: the named entries of the catalogue (`reference-model/requirements/*.toml`)
//! as constants, one module per group: `requirement::create_io_sq::CQID_NOT_CREATED`.
//!
//! A handle is a number; everything about the requirement stands in [`TABLE`]. Strength lives in the
//! catalogue and nowhere else. `generated.rs` is written by `cargo xtask gen`; numbers are
//! append-only, because traces hold them.

use std::fmt;

use crate::Version;

mod catalogue;
mod generated;
pub use catalogue::CATALOGUE;
pub use generated::*;

/// A named requirement: an index into [`TABLE`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Req(pub u16);

/// What the catalogue says about a requirement.
#[derive(Debug)]
pub struct Requirement {
    /// The name in words: `create-io-sq.cqid-not-created`.
    pub name: &'static str,
    /// The catalogue's ordinal, an alias: `QUE-CSQ-06`.
    pub id: &'static str,
    /// Document and clause in the newest text that was read: `Base-2.3 §5.3.2`.
    pub clause: &'static str,
    /// The rule, in our words.
    pub text: &'static str,
    /// Force at each revision that was read, ascending. Between two of them the weaker holds; above
    /// the last, the last; below the first, none.
    pub levels: &'static [(Version, Force)],
    /// Held against the text by reading. Without it the requirement may not accuse.
    pub verified: bool,
    /// When it applies.
    pub when: Condition,
}

/// One entry of the catalogue, named or not, for listings.
#[derive(Debug)]
pub struct CatalogueEntry {
    /// The catalogue's ordinal: `QUE-CSQ-06`.
    pub id: &'static str,
    /// The name in words; only named entries can be judged.
    pub name: Option<&'static str>,
    /// The area: the file of `reference-model/requirements` without `.toml`.
    pub area: &'static str,
    /// `shall`, `should`, `may`, `optional-feature` or `withdrawn`, in the newest text that was read.
    pub level: &'static str,
    /// The first revision with the rule.
    pub since: &'static str,
    /// Document and clause in the newest text that was read: `Base-2.3 §5.3.2`.
    pub clause: &'static str,
    /// When it applies, in the catalogue's free words.
    pub applies_when: &'static str,
    /// The rule, in our words.
    pub text: &'static str,
    /// How a host sees it.
    pub observe: &'static str,
    /// Held against the text by reading.
    pub verified: bool,
}

/// How strongly a controller is held to a requirement. Base-2.3 §1.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// Permitted: never accused.
    May,
    /// Recommended: breaking it is a warning.
    Should,
    /// Mandatory: breaking it is a divergence.
    Shall,
}

/// How far the text binds the status of a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StatusForce {
    /// Any error will do.
    Open,
    /// Another error is a warning.
    Recommended,
    /// Another error is a divergence.
    Exact,
}

/// The two forces of a requirement at one revision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Force {
    /// Whether the rule (for a check: that it refuses) binds.
    pub level: Level,
    /// For a check: whether the listed status binds.
    pub status: StatusForce,
}

impl Force {
    const fn weaker(self, other: Force) -> Force {
        Force {
            level: if (self.level as u8) < other.level as u8 { self.level } else { other.level },
            status: if (self.status as u8) < other.status as u8 {
                self.status
            } else {
                other.status
            },
        }
    }
}

/// A condition over what a controller claims, compiled from the catalogue's `when`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always in force.
    Always,
    /// A comparison of a claimed value with a number.
    Compare(Fact, Comparison, u64),
    /// A bit of a claimed value is set.
    Bit(Fact, u8),
    /// All of them.
    All(&'static [Condition]),
    /// At least one of them.
    Any(&'static [Condition]),
    /// The opposite.
    Not(&'static Condition),
}

/// A comparison in a [`Condition`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less.
    Lt,
    /// At least.
    Ge,
}

/// Declares the facts that a `when` may name, with their spelling there.
macro_rules! facts {
    ($( $(#[$doc:meta])* $name:ident = $text:literal; )*) => {
        /// A value that a controller claims and a `when` may name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Fact { $( $(#[$doc])* $name, )* }

        impl Fact {
            /// Every fact, with its spelling in `when`.
            pub const TABLE: &'static [(Fact, &'static str)] = &[ $( (Fact::$name, $text), )* ];
        }
    };
}

facts! {
    /// VS as `major << 16 | minor << 8 | tertiary`; written `VS >= 1.3`.
    Vs = "VS";
    /// CAP.MQES, 0's based.
    CapMqes = "CAP.MQES";
    /// CAP.CQR.
    CapCqr = "CAP.CQR";
    /// CAP.AMS.
    CapAms = "CAP.AMS";
    /// CAP.CSS.
    CapCss = "CAP.CSS";
    /// CAP.NSSRS.
    CapNssrs = "CAP.NSSRS";
    /// CAP.CMBS.
    CapCmbs = "CAP.CMBS";
    /// CAP.PMRS.
    CapPmrs = "CAP.PMRS";
    /// CAP.CRMS.
    CapCrms = "CAP.CRMS";
    /// CAP.NSSES.
    CapNsses = "CAP.NSSES";
    /// CAP.NSSS.
    CapNsss = "CAP.NSSS";
    /// CAP.BPS.
    CapBps = "CAP.BPS";
    /// CC.CRIME, as last written.
    CcCrime = "CC.CRIME";
    /// CC.AMS, as last written.
    CcAms = "CC.AMS";
    /// Identify Controller: OACS.
    Oacs = "OACS";
    /// Identify Controller: ONCS.
    Oncs = "ONCS";
    /// Identify Controller: FUSES.
    Fuses = "FUSES";
    /// Identify Controller: OAES.
    Oaes = "OAES";
    /// Identify Controller: VWC.
    Vwc = "VWC";
    /// Identify Controller: CMIC.
    Cmic = "CMIC";
    /// Identify Controller: CTRATT.
    Ctratt = "CTRATT";
    /// Identify Controller: MDTS.
    Mdts = "MDTS";
    /// Identify Controller: SGLS.
    Sgls = "SGLS";
    /// Identify Controller: LPA.
    Lpa = "LPA";
    /// Whether the transport is PCIe: 1 on every DUT of this harness.
    Pcie = "PCIe";
    /// Whether MSI-X is enabled: 0 or 1.
    Msix = "MSI-X";
}

/// What is known of a controller when a condition is asked.
pub trait Facts {
    /// The value of `fact`, or `None` while it is not known.
    fn fact(&self, fact: Fact) -> Option<u64>;
}

impl Condition {
    /// Whether the condition holds; `None` while a fact that decides it is unknown.
    pub fn holds(&self, facts: &impl Facts) -> Option<bool> {
        match *self {
            Condition::Always => Some(true),
            Condition::Compare(fact, comparison, number) => {
                let value = facts.fact(fact)?;
                Some(match comparison {
                    Comparison::Eq => value == number,
                    Comparison::Ne => value != number,
                    Comparison::Lt => value < number,
                    Comparison::Ge => value >= number,
                })
            }
            Condition::Bit(fact, bit) => Some(facts.fact(fact)? >> bit & 1 == 1),
            Condition::All(of) => fold(of, facts, true),
            Condition::Any(of) => fold(of, facts, false),
            Condition::Not(of) => of.holds(facts).map(|holds| !holds),
        }
    }
}

/// And (`neutral` true) or or (`neutral` false) over `of`, in three-valued logic.
fn fold(of: &[Condition], facts: &impl Facts, neutral: bool) -> Option<bool> {
    let mut result = Some(neutral);
    for condition in of {
        match condition.holds(facts) {
            Some(holds) if holds != neutral => return Some(!neutral),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

impl Req {
    /// What the catalogue says.
    pub fn info(self) -> &'static Requirement {
        &TABLE[self.0 as usize]
    }

    /// The name in words.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The requirement of this name, or with this catalogue id.
    pub fn find(name: &str) -> Option<Req> {
        let at = TABLE.iter().position(|r| r.name == name || r.id == name)?;
        Some(Req(at as u16))
    }

    /// Every requirement.
    pub fn all() -> impl Iterator<Item = Req> {
        (0..TABLE.len() as u16).map(Req)
    }

    /// The force at revision `version`, whatever `when` says; `None` where the rule does not exist.
    pub fn force(self, version: Version) -> Option<Force> {
        let levels = self.info().levels;
        let above = levels.partition_point(|(from, _)| *from <= version);
        let (from, force) = *levels.get(above.checked_sub(1)?)?;
        match levels.get(above) {
            Some((_, next)) if from != version => Some(force.weaker(*next)),
            _ => Some(force),
        }
    }
}

impl fmt::Display for Req {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Req {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A controller of which VS and ONCS alone are known.
    struct Known;

    impl Facts for Known {
        fn fact(&self, fact: Fact) -> Option<u64> {
            match fact {
                Fact::Vs => Some(u64::from(Version::new(2, 0).to_raw())),
                Fact::Oncs => Some(0b1_0000),
                _ => None,
            }
        }
    }

    #[test]
    fn between_two_revisions_the_weaker_force_holds() {
        let req = create_io_sq::CQID_NOT_CREATED;
        let force = |major, minor| req.force(Version::new(major, minor));
        let should = Force { level: Level::Should, status: StatusForce::Recommended };
        let shall = Force { level: Level::Shall, status: StatusForce::Exact };
        assert_eq!(force(1, 2), None);
        assert_eq!(force(1, 4), Some(should));
        assert_eq!(force(2, 0), Some(should));
        assert_eq!(force(2, 2), Some(should));
        assert_eq!(force(2, 3), Some(shall));
        assert_eq!(force(2, 4), Some(shall));
    }

    #[test]
    fn the_weaker_force_is_taken_part_by_part() {
        let open_shall = Force { level: Level::Shall, status: StatusForce::Open };
        let exact_may = Force { level: Level::May, status: StatusForce::Exact };
        let weaker = Force { level: Level::May, status: StatusForce::Open };
        assert_eq!(open_shall.weaker(exact_may), weaker);
        assert_eq!(exact_may.weaker(open_shall), weaker);
    }

    #[test]
    fn an_unknown_fact_decides_nothing_by_itself() {
        let cqr = Condition::Compare(Fact::CapCqr, Comparison::Ne, 0);
        let from_1_3 = Condition::Compare(Fact::Vs, Comparison::Ge, 0x10300);
        assert_eq!(cqr.holds(&Known), None);
        assert_eq!(Condition::Not(&Condition::Always).holds(&Known), Some(false));
        assert_eq!(Condition::Any(&[Condition::Always]).holds(&Known), Some(true));
        let all: &'static [Condition] = Box::leak(Box::new([from_1_3, cqr]));
        assert_eq!(Condition::All(all).holds(&Known), None);
        assert_eq!(Condition::Any(all).holds(&Known), Some(true));
    }

    #[test]
    fn a_bit_is_counted_from_0() {
        assert_eq!(Condition::Bit(Fact::Oncs, 4).holds(&Known), Some(true));
        assert_eq!(Condition::Bit(Fact::Oncs, 3).holds(&Known), Some(false));
        assert_eq!(Condition::Bit(Fact::Oacs, 3).holds(&Known), None);
    }

    #[test]
    fn names_and_ordinals_find_the_same_requirement() {
        let req = create_io_sq::CQID_NOT_CREATED;
        assert_eq!(Req::find("create-io-sq.cqid-not-created"), Some(req));
        assert_eq!(Req::find("QUE-CSQ-06"), Some(req));
        assert_eq!(req.info().clause, "Base-2.3 §5.3.2");
        assert_eq!(Req::find("create-io-sq"), None);
    }

    #[test]
    fn the_catalogue_names_every_handle_once() {
        let catalogued: Vec<&str> = CATALOGUE.iter().filter_map(|entry| entry.name).collect();
        let in_use = Req::all().filter(|req| !req.info().levels.is_empty());
        let handles: BTreeSet<&str> = in_use.map(Req::name).collect();
        assert_eq!(catalogued.len(), handles.len());
        assert!(catalogued.iter().all(|name| handles.contains(name)));
    }
}
