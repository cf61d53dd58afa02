//! Read-only properties: what the controller says of itself in CAP, VS and CRTO, and properties that are
//! reserved where a capability is missing.

use log::RegisterWrite;
use spec::Version;
use spec::register::{self as reg, Cap, Crto};
use spec::requirement::register as req;

use super::Judge;
use super::registers::differs;

/// Reserved bits of CAP in the newest revision: 23:19 and 63:62.
const CAP_RESERVED: u64 = 0x1f << 19 | 3 << 62;
/// Bits of CAP that may follow CC.CRIME: TO.
const CAP_MOVES: u64 = 0xff << 24;
/// The largest CAP.TO, CRTO.CRIMT that should be told: 127.5 s.
const MOST: u16 = 0xff;

impl Judge {
    pub(super) fn read_cap(&mut self, value: u64) {
        self.hold(req::MANDATORY, value != 0, |_| differs("CAP", value, "not 0", "mandatory"));
        if let Some(before) = self.believed().cap {
            let moves = self.cap_moves(before);
            let fixed = u64::from(before) & !moves;
            self.same(req::READ_ONLY, "CAP", value & !moves, fixed, "as it was read before");
        }
        let cap = Cap::from(value);
        let ctrl = self.now.ctrl;
        self.unit().cap_crime = self.crime();
        self.learn(ctrl, |controller| controller.cap = Some(cap));
        // A host reads CAP first: it can be held against the revision only when VS was read too.
        if self.version(ctrl).is_some() {
            self.hold_cap(cap);
        }
    }

    /// CC.CRIME, once known.
    fn crime(&self) -> Option<bool> {
        let believed = self.believed();
        believed.cc_known.then(|| believed.cc.crime())
    }

    /// The bits of CAP that may read otherwise than in `before`: TO, where CC.CRIME can be written and may
    /// be another than it was.
    fn cap_moves(&mut self, before: Cap) -> u64 {
        let (then, now) = (self.unit().cap_crime, self.crime());
        let stays = before.crms() != 3 || (now.is_some() && then == now);
        if stays { 0 } else { CAP_MOVES }
    }

    /// What CAP may read as at the controller's revision.
    fn hold_cap(&mut self, cap: Cap) {
        let value = u64::from(cap);
        self.same(req::RESERVED_ZERO, "CAP reserved bits", value & CAP_RESERVED, 0, "reserved");
        self.hold(req::MQES, cap.mqes_z() >= 1, |_| {
            differs("CAP.MQES", u64::from(cap.mqes_z()), "1 at least", "two entries at least")
        });
        self.hold(req::MPS_ORDER, cap.mpsmin() <= cap.mpsmax(), |_| {
            let least = format!("{:X}h at most", cap.mpsmax());
            differs("CAP.MPSMIN", u64::from(cap.mpsmin()), &least, "CAP.MPSMAX is not below it")
        });
        self.hold(req::NSSS_NEEDS_NSSRS, cap.nssrs() || !cap.nsss(), |_| {
            differs("CAP.NSSS", 1, "0", "CAP.NSSRS = 0")
        });
        // NVM command set, one or more by Identify CNS 1Ch, none.
        self.hold(req::CSS, cap.css() & 0b1100_0001 != 0, |_| {
            differs("CAP.CSS", u64::from(cap.css()), "bit 0, 6 or 7 = 1", "some way to select")
        });
        self.hold(req::CPS, cap.cps() != 0, |_| {
            differs("CAP.CPS", 0, "not 00b", "CAP.NSSS = 1: the scope of a shutdown is told")
        });
        let later = self.version(self.now.ctrl).is_some_and(|v| v > Version::new(2, 0));
        let nsses = if cap.nsss() { cap.nsses() || !later } else { !cap.nsses() };
        self.hold(req::NSSES, nsses, |_| {
            let allowed = u64::from(cap.nsss()).to_string();
            differs("CAP.NSSES", u64::from(cap.nsses()), &allowed, "as CAP.NSSS after 2.0")
        });
        if self.believed().version().is_some_and(|v| v >= Version::new(2, 0)) {
            self.hold(req::CRMS, cap.crms() & 1 != 0, |_| {
                differs("CAP.CRMS", u64::from(cap.crms()), "01b or 11b", "from 2.0")
            });
        }
        self.hold_timeouts();
    }

    pub(super) fn read_cap_half(&mut self, read: RegisterWrite) {
        let Some(cap) = self.believed().cap else {
            self.learn_cap_half(read);
            return;
        };
        let shift = 8 * (read.offset - reg::CAP);
        let mask = 0xffff_ffff & !(self.cap_moves(cap) >> shift);
        let expected = u64::from(cap) >> shift & mask;
        self.same(req::ACCESS_HALVES, "half of CAP", read.value & mask, expected, "CAP as a whole");
    }

    /// A host that reads in dwords has read CAP when it has read both halves, the lower one first.
    fn learn_cap_half(&mut self, read: RegisterWrite) {
        let half = read.value as u32;
        if read.offset == reg::CAP {
            self.unit().cap_low = Some(half);
        } else if let Some(low) = self.unit().cap_low {
            self.read_cap(u64::from(half) << 32 | u64::from(low));
        }
    }

    pub(super) fn read_vs(&mut self, value: u32) {
        let version = Version::from_raw(value);
        self.hold(req::MANDATORY, value != 0, |_| differs("VS", 0, "not 0", "mandatory"));
        self.hold(req::VS, version >= Version::new(1, 0) && version.major < 0x100, |_| {
            differs("VS", u64::from(value), "the revision", "1.0 is the first")
        });
        if let Some(before) = self.believed().vs {
            let seen = u64::from(value);
            self.same(req::READ_ONLY, "VS", seen, u64::from(before), "as it was read before");
        }
        let ctrl = self.now.ctrl;
        let first = self.version(ctrl).is_none();
        self.learn(ctrl, |controller| controller.vs = Some(value));
        if let Some(cap) = self.believed().cap.filter(|_| first) {
            self.hold_cap(cap);
        }
    }

    pub(super) fn read_crto(&mut self, value: u32) {
        let believed = self.believed();
        if believed.cap.is_none_or(|cap| cap.crms() == 0) {
            return;
        }
        if let Some(before) = believed.crto {
            let seen = u64::from(value);
            self.same(req::CRTO_CONSTANT, "CRTO", seen, u64::from(before), "as it was read before");
        }
        let crto = Crto::from(value);
        let crimt = u64::from(crto.crimt());
        self.hold(req::CRWMT, crto.crwmt() >= crto.crimt(), |_| {
            let least = format!("{crimt:X}h at least");
            differs("CRTO.CRWMT", u64::from(crto.crwmt()), &least, "CRTO.CRIMT is not above it")
        });
        self.hold(req::CRIMT_ZERO, crimt == 0, |_| {
            differs("CRTO.CRIMT", crimt, "0", "CAP.CRMS bit 1 = 0: not ready without media")
        });
        self.hold(req::CRIMT_BOUND, crto.crimt() <= MOST, |_| {
            differs("CRTO.CRIMT", crimt, "FFh at most", "127.5 s")
        });
        let ctrl = self.now.ctrl;
        self.learn(ctrl, |controller| controller.crto = Some(value));
        self.hold_timeouts();
    }

    /// CAP.TO covers what CRTO says of an enable by CC.CRIME as it was when CAP was read.
    fn hold_timeouts(&mut self) {
        let crime = self.unit().cap_crime;
        let believed = self.believed();
        let (Some(cap), Some(crto)) = (believed.cap, believed.crto.map(Crto::from)) else { return };
        let (name, wanted) = match (cap.crms(), crime) {
            (0b01, _) | (0b11, Some(false)) => ("CRWMT", crto.crwmt()),
            (0b11, Some(true)) => ("CRIMT", crto.crimt()),
            _ => return,
        };
        let wanted = wanted.min(MOST);
        self.hold(req::TO_COVERS_CRTO, u16::from(cap.to()) >= wanted, |_| {
            let because = format!("CRTO.{name} is the worst case of an enable");
            differs("CAP.TO", u64::from(cap.to()), &format!("{wanted:X}h at least"), &because)
        });
    }

    pub(super) fn read_nssr(&mut self, value: u64) {
        let agrees = value == 0;
        self.hold(req::NSSR_ZERO, agrees, |_| differs("NSSR", value, "0", "it has no state"));
        self.hold(req::NSSR_RESERVED, agrees, |_| {
            differs("offset 20h", value, "0", "CAP.NSSRS = 0")
        });
    }

    /// A property that is reserved, or shows nothing, without a capability or while it is not enabled. The
    /// catalogue says of which capability each depends.
    pub(super) fn read_absent(&mut self, offset: u32, value: u64) {
        let (by, because) = match offset {
            0x18 => (req::RESERVED_ZERO, "reserved"),
            // CMBLOC and CMBSZ: no host of this harness sets CMBMSC.CRE.
            0x38 | 0x3c => (req::CMB_HIDDEN, "CMBMSC.CRE = 0"),
            0x40 | 0x44 | 0x48 => (req::BP_RESERVED, "CAP.BPS = 0"),
            0xe00 | 0xe04 | 0xe08 | 0xe14 | 0xe18 => (req::PMR_RESERVED, "CAP.PMRS = 0"),
            _ => return,
        };
        self.hold(by, value == 0, |_| differs(&format!("offset {offset:X}h"), value, "0", because));
    }
}
