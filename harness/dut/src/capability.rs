//! The capabilities of a transport by name, so that a report can say which one a test lacked and two
//! reports can be compared.

use crate::Capabilities;

/// Something that a transport can do or not, by its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Capability {
    /// Where time comes from.
    Clock,
    /// How many controllers there are.
    Controllers,
    /// Which resets can be made beside CC.EN.
    Resets,
    /// How interrupts are seen.
    Irq,
    /// How many MSI-X vectors there are.
    MsixVectors,
    /// Whether the MSI-X table can be used.
    MsixTable,
    /// How the controller's DMA is seen.
    Dma,
    /// Whether a register read flushes DMA.
    ReadFlushesDma,
    /// Whether 8-byte register accesses are made as one.
    WideAccess,
    /// Whether commands can be held in flight.
    Holds,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 10] = [
        Capability::Clock,
        Capability::Controllers,
        Capability::Resets,
        Capability::Irq,
        Capability::MsixVectors,
        Capability::MsixTable,
        Capability::Dma,
        Capability::ReadFlushesDma,
        Capability::WideAccess,
        Capability::Holds,
    ];

    /// The name in reasons and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Capability::Clock => "clock",
            Capability::Controllers => "controllers",
            Capability::Resets => "resets",
            Capability::Irq => "irq",
            Capability::MsixVectors => "msix-vectors",
            Capability::MsixTable => "msix-table",
            Capability::Dma => "dma",
            Capability::ReadFlushesDma => "read-flushes-dma",
            Capability::WideAccess => "wide-access",
            Capability::Holds => "holds",
        }
    }

    /// The reason of a test that needs `words` of it: they name the capability at their end.
    pub fn reason(self, words: &str) -> String {
        format!("{words} [transport: {}]", self.name())
    }

    /// The capability that a reason names; none if the DUT itself lacks something.
    pub fn named_in(reason: &str) -> Option<Self> {
        let name = reason.strip_suffix(']')?.rsplit_once("[transport: ")?.1;
        Self::ALL.into_iter().find(|capability| capability.name() == name)
    }
}

impl Capabilities {
    /// What this transport has of a capability, in words.
    pub fn in_words(&self, capability: Capability) -> String {
        let yes = |has: bool| if has { "yes" } else { "no" }.to_string();
        let kebab = |debug: String| {
            let dash = |c: char| {
                if c.is_uppercase() { format!("-{}", c.to_lowercase()) } else { c.into() }
            };
            debug.chars().map(dash).collect::<String>().trim_start_matches('-').to_string()
        };
        match capability {
            Capability::Clock => kebab(format!("{:?}", self.clock)),
            Capability::Controllers => self.controllers.to_string(),
            Capability::Resets if self.resets.is_empty() => "none".into(),
            Capability::Resets => {
                let mut kinds: Vec<String> =
                    self.resets.iter().map(|kind| kebab(format!("{kind:?}"))).collect();
                kinds.sort();
                kinds.join(", ")
            }
            Capability::Irq => kebab(format!("{:?}", self.irq)),
            Capability::MsixVectors => self.msix_vectors.to_string(),
            Capability::MsixTable => yes(self.msix_table),
            Capability::Dma => kebab(format!("{:?}", self.dma)),
            Capability::ReadFlushesDma => yes(self.read_flushes_dma),
            Capability::WideAccess => yes(self.wide_access),
            Capability::Holds => yes(self.holds),
        }
    }
}

#[cfg(test)]
mod tests {
    use log::ResetKind;

    use super::*;
    use crate::{Clock, DmaVisibility, IrqPrecision};

    #[test]
    fn a_reason_names_its_capability_and_no_other_reason_does() {
        for capability in Capability::ALL {
            let reason = capability.reason("8-byte register accesses");
            assert_eq!(Capability::named_in(&reason), Some(capability), "{reason}");
        }
        for reason in ["CAP.CQR = 1", "[transport: sails]", "x [transport: irq] y", "]", ""] {
            assert_eq!(Capability::named_in(reason), None, "{reason}");
        }
    }

    #[test]
    fn capabilities_are_told_in_words() {
        let all = Capabilities {
            clock: Clock::Wall,
            controllers: 2,
            resets: vec![ResetKind::PowerCycle, ResetKind::Conventional],
            irq: IrqPrecision::AtLeastOnce,
            msix_vectors: 4,
            msix_table: true,
            dma: DmaVisibility::Guarded,
            read_flushes_dma: false,
            wide_access: true,
            holds: true,
            rewind: false,
        };
        let words: Vec<String> = Capability::ALL.iter().map(|c| all.in_words(*c)).collect();
        let expected = ["wall", "2", "conventional, power-cycle", "at-least-once", "4", "yes"];
        assert_eq!(words[..6], expected);
        assert_eq!(words[6..], ["guarded", "no", "yes", "yes"]);
        let none = Capabilities { resets: vec![], ..all };
        assert_eq!(none.in_words(Capability::Resets), "none");
    }
}
