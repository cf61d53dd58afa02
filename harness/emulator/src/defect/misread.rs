//! Registers that read as they must not: one family, since all of it happens at the same seam.

use spec::register::{self, Cap, Crto, Csts};

use super::told;
use crate::seam::{Defect, Scene};

/// A register that reads wrongly.
pub(super) struct Misread {
    name: &'static str,
    breaks: &'static [&'static str],
    story: &'static str,
    /// Offset of the dword.
    at: u32,
    /// From which read of it on, counted from 0.
    from: u64,
    /// What it reads as in place of a value.
    as_what: fn(u32) -> u32,
}

impl Defect for Misread {
    told!();

    fn on_reg_read(&self, scene: &mut Scene, offset: u32, value: u32) -> u32 {
        if offset != self.at {
            return value;
        }
        let read = &mut scene.notes[scene.ctrl % 8];
        let wrong = *read >= self.from;
        *read += 1;
        if wrong { (self.as_what)(value) } else { value }
    }
}

macro_rules! misread {
    ($( $name:literal breaks $($breaks:literal),+ at $at:expr, $from:literal; $as_what:expr => $story:literal )*) => {
        &[ $( &Misread {
            name: $name,
            breaks: &[$($breaks),+],
            story: $story,
            at: $at,
            from: $from,
            as_what: $as_what,
        }, )* ]
    };
}

/// CAP as a whole, of its upper half.
fn high(cap: u32, change: fn(Cap) -> Cap) -> u32 {
    (change(Cap::from_bits(u64::from(cap) << 32)).into_bits() >> 32) as u32
}

/// Every one.
pub(super) const TABLE: &[&dyn Defect] = misread! {
    "cap-moves" breaks "register.read-only" at register::CAP, 1; |cap| cap ^ 1 << 16
        => "CAP computed at each read from a configuration that the firmware still changes."
    "one-entry-queues" breaks "register.mqes" at register::CAP, 0; |cap| cap & 0xffff_0000
        => "MQES is 0's based: 0 is one entry, and a queue of one entry is always empty."
    "pages-upside-down" breaks "register.mps-order" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_mpsmin(5).with_mpsmax(4))
        => "The smallest and the largest page size changed independently."
    "shutdown-of-subsystem-alone" breaks "register.nsss-needs-nssrs" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_nsss(true).with_nsses(true).with_cps(1).with_nssrs(false))
        => "The newer capability claimed and the older one that it builds on forgotten."
    "no-command-set" breaks "register.css" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_css(0))
        => "CSS left 0 by a controller that can do the NVM command set alone."
    "scope-of-shutdown-unfilled" breaks "register.cps" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_nsss(true).with_nsses(true).with_nssrs(true).with_cps(0))
        => "A field that came with the shutdown of the subsystem and was left 0."
    "shutdown-enhancements-alone" breaks "register.nsses" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_nsses(true))
        => "The enhancements of what is not there, from the template of a later product."
    "ready-modes-unfilled" breaks "register.crms" at register::CAP + 4, 0;
        |cap| high(cap, |cap| cap.with_crms(0))
        => "VS went up to 2.0 and CAP did not: CRMS came with it."
    "cap-reserved-bits" breaks "register.reserved-zero" at register::CAP, 0;
        |cap| cap | 1 << 19
        => "A flag of the FPGA's own, put where nothing was yet."
    "version-0" breaks "register.mandatory" at register::VS, 0; |_| 0
        => "A register of the optional ones, it was thought: old drivers do not read it."
    "version-of-a-draft" breaks "register.vs" at register::VS, 1; |_| 0x0000_0900
        => "A register that is updated when the firmware is, with the revision of a draft."
    "shutdown-status-unasked" breaks "shutdown.shst-normal" at register::CSTS, 0;
        |csts| Csts::from_bits(csts).with_shst(Csts::from_bits(csts).shst().max(1)).into_bits()
        => "The state of the last shutdown kept until the next one."
    "shutdown-of-the-subsystem" breaks "shutdown.rdy-unchanged" at register::CSTS, 0;
        |csts| {
            let csts = Csts::from_bits(csts);
            csts.with_st(csts.shst() != 0).into_bits()
        }
        => "Shutdown Type says subsystem for whatever shutdown there was."
    "csts-reserved-bits" breaks "register.reserved-zero" at register::CSTS, 0;
        |csts| csts | 1 << 8
        => "Internal states of the start-up shown in unused bits for a debugger."
    "crwmt-below-crimt" breaks "register.crwmt" at register::CRTO, 0;
        |crto| Crto::from_bits(crto).with_crwmt(1).with_crimt(2).into_bits()
        => "The two ready times swapped."
    "crimt-without-mode" breaks "register.crimt-zero" at register::CRTO, 0;
        |crto| Crto::from_bits(crto).with_crimt(1).into_bits()
        => "A time for a mode that CAP.CRMS does not have."
    "crwmt-above-to" breaks "register.to-covers-crto" at register::CRTO, 0;
        |crto| Crto::from_bits(crto).with_crwmt(0xff).into_bits()
        => "CAP.TO kept at what old drivers bear, the honest time put into CRTO alone."
    "cc-reserved-bits" breaks "register.cc-reserved" at register::CC, 0; |cc| cc | 1 << 25
        => "A plain register where reserved bits read as 0."
    "crime-reads-1" breaks "register.crime-read-only" at register::CC, 0; |cc| cc | 1 << 24
        => "CRIME stored although only one ready mode is there."
    "aqa-reserved-bits" breaks "register.aqa-reserved" at register::AQA, 0; |aqa| aqa | 1 << 12
        => "A plain register where reserved bits read as 0."
    "asq-loses-high-half" breaks "register.asq" at register::ASQ + 4, 0; |high| high ^ 1
        => "The upper half of an address taken from the wrong register bank."
    "acq-low-bits" breaks "register.acq" at register::ACQ, 0; |low| low | 8
        => "Bits 11:0 stored as written; the queue begins at a page, whatever is read."
    "intms-loses-a-bit" breaks "register.intms" at register::INTMS, 0; |mask| mask & !2
        => "Write one to set on a vector too few."
    "cap-halves-differ" breaks "register.access-halves", "register.read-only" at register::CAP + 4, 2;
        |cap| cap ^ 1 << 4
        => "An 8 byte read served by another path than two of 4 bytes."
};
