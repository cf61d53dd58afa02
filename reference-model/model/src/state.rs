//! The belief state: what the log tells about the subsystem, its controllers and its namespaces.
//!
//! Only structure lives here (registers, queues, features, claims): what commands are checked
//! against and what they change. Commands in flight, slots of queues, logical blocks and host
//! memory are the judge's own tables. What is unknown is `None` or [`Truth::Maybe`].

use std::sync::Arc;

use spec::register::{Aqa, Cap, Cc, Csts};
use spec::requirement::{Fact, Facts};
use spec::{Addr, Cns, Lba, Lid, Nsid, Version};

use crate::lives::{Counted, Kept, KeptLog, KeptSmart, Lives};
use crate::truth::{Maybe, No, Truth, Yes};

mod features;
mod queues;

pub use features::{Features, Temperatures, Threshold};
pub use queues::{Granted, HasQid, IoCq, IoSq, Queues, Range};

/// Everything believed of the DUT's structure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    /// What all controllers share.
    pub subsystem: Subsystem,
    /// By index in the DUT's list of functions.
    pub controllers: Vec<Controller>,
    /// What was learned of namespaces, sorted by NSID; shared by all controllers.
    pub namespaces: Vec<Namespace>,
}

impl World {
    /// The namespace `nsid`, as far as it was learned.
    pub fn namespace(&self, nsid: Nsid) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.nsid == nsid)
    }

    /// The namespace `nsid`, made if it was never heard of.
    pub fn namespace_mut(&mut self, nsid: Nsid) -> &mut Namespace {
        let at = self.namespaces.partition_point(|n| n.nsid < nsid);
        if self.namespaces.get(at).is_none_or(|n| n.nsid != nsid) {
            self.namespaces.insert(at, Namespace { nsid, claims: None, seen_by: 0, csi: None });
        }
        &mut self.namespaces[at]
    }
}

/// What all controllers of the subsystem share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Subsystem {
    /// Identify Controller SUBNQN, once read: constant over resets.
    pub subnqn: Option<Vec<u8>>,
    /// Identify Controller SN and MN, once read: the same on all controllers.
    pub serial_and_model: Option<Vec<u8>>,
    /// Identify Namespace DLFEAT bit 3, once read: the same for all namespaces.
    pub dlfeat_bit_3: Option<bool>,
}

/// Where a controller is between disabled and ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// CC.EN = 0 and CSTS.RDY = 0 (or nothing was seen yet).
    #[default]
    Disabled,
    /// CC.EN was written 1; CSTS.RDY was not yet seen 1.
    Enabling,
    /// CC.EN = 1 and CSTS.RDY was seen 1.
    Ready,
    /// CC.EN was written 0; CSTS.RDY was not yet seen 0.
    Disabling,
    /// CC.SHN was written; CSTS.SHST was not yet seen 10b.
    ShuttingDown,
    /// CSTS.SHST was seen 10b.
    ShutDown,
}

/// A feature of a controller. Values are command dword 11 (set) or completion dword 0 (get).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Feature {
    /// The current value; unknown until it was read or set.
    pub current: Option<u32>,
    /// The default value, once read (SEL = 001b).
    pub default: Option<u32>,
    /// The saved value, once read or saved (SEL = 010b).
    pub saved: Option<u32>,
    /// The capabilities of the feature, once read (SEL = 011b): bit 0 saveable, bit 1 namespace
    /// specific, bit 2 changeable.
    pub capabilities: Option<u32>,
    /// Whether `current` is what a reset must have left, not yet seen or set since.
    pub since_reset: bool,
}

/// What Identify Controller (CNS 01h) claims: raw fields as they stand in the structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the specification's acronyms: Base-2.3 figure 326")]
pub struct ControllerClaims {
    pub vid: u16,
    pub ssvid: u16,
    pub cmic: u8,
    pub mdts: u8,
    pub cntlid: u16,
    pub ver: u32,
    pub oaes: u32,
    pub ctratt: u32,
    pub cntrltype: u8,
    pub oacs: u16,
    pub acl: u8,
    pub aerl: u8,
    pub frmw: u8,
    pub lpa: u8,
    pub elpe: u8,
    pub wctemp: u16,
    pub cctemp: u16,
    pub sqes: u8,
    pub cqes: u8,
    pub nn: u32,
    pub npss: u8,
    pub apsta: u8,
    /// Bit n: power state n is non-operational (NOPS).
    pub nops: u32,
    pub oncs: u16,
    pub fuses: u16,
    pub vwc: u8,
    pub awun: u16,
    pub awupf: u16,
    pub sgls: u32,
    pub mnan: u32,
}

/// What Identify Namespace (CNS 00h) claims: raw fields as they stand in the structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the specification's acronyms: NVM-CS-1.2 figure 114")]
pub struct NamespaceClaims {
    pub nsze: u64,
    pub ncap: u64,
    pub nuse: u64,
    pub nsfeat: u8,
    pub nlbaf: u8,
    pub flbas: u8,
    pub mc: u8,
    pub dpc: u8,
    pub dps: u8,
    pub nmic: u8,
    pub dlfeat: u8,
    pub nsattr: u8,
    pub nguid: [u8; 16],
    pub eui64: [u8; 8],
    /// Logical block data size of the format in use, in bytes: 2^LBADS.
    pub block_bytes: u32,
    /// Metadata size of the format in use (MS), in bytes.
    pub ms: u16,
}

/// A namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// Its identifier.
    pub nsid: Nsid,
    /// What it claims; `None` until Identify was read.
    pub claims: Option<NamespaceClaims>,
    /// The controllers (bit n: index n) through which it was read.
    pub seen_by: u64,
    /// Its command set, once a descriptor (CNS 03h) told it.
    pub csi: Option<u8>,
}

impl Namespace {
    /// Whether blocks `slba` and the `blocks - 1` after it go beyond the end.
    pub fn ends_before(&self, slba: Lba, blocks: u32) -> Truth {
        let Some(claims) = self.claims else { return Maybe };
        slba.0.checked_add(u64::from(blocks)).is_none_or(|end| end > claims.nsze).into()
    }
}

/// Which namespaces are active for one controller, as far as it was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActiveNamespaces {
    /// Surely active, ascending.
    active: Vec<u32>,
    /// Ranges of identifiers `(after, upto]` whose every member was decided by CNS 02h.
    decided: Vec<(u32, u32)>,
}

impl ActiveNamespaces {
    /// CNS 02h with CDW1.NSID = `after` returned `ids` (no zero among them); `full` if all 1,024
    /// places were used, so that more may follow.
    pub fn learn(&mut self, after: Nsid, ids: &[u32], full: bool) {
        let upto = if full { ids.last().copied().unwrap_or(after.0) } else { u32::MAX - 1 };
        self.active.retain(|id| *id <= after.0 || *id > upto);
        self.active.extend_from_slice(ids);
        self.active.sort_unstable();
        self.active.dedup();
        if !self.decided.contains(&(after.0, upto)) {
            self.decided.push((after.0, upto));
        }
    }

    /// One namespace is known to be active or not.
    pub fn learn_one(&mut self, nsid: Nsid, active: bool) {
        if nsid.0 == 0 {
            return;
        }
        let ids: &[u32] = if active { &[nsid.0] } else { &[] };
        self.active.retain(|id| *id != nsid.0);
        self.active.extend_from_slice(ids);
        self.active.sort_unstable();
        let range = (nsid.0 - 1, nsid.0);
        if !self.decided.contains(&range) {
            self.decided.push(range);
        }
    }

    /// Whether `nsid` is active.
    pub fn is_active(&self, nsid: Nsid) -> Truth {
        if self.active.contains(&nsid.0) {
            return Yes;
        }
        if self.decided.iter().any(|(after, upto)| nsid.0 > *after && nsid.0 <= *upto) {
            return No;
        }
        Maybe
    }

    /// Those known to be active, ascending.
    pub fn known(&self) -> &[u32] {
        &self.active
    }
}

/// What is believed of the asynchronous events of one controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Events {
    /// An event of type Error was reported and its log page (01h) was not yet read with RAE = 0:
    /// further events of that type are masked. Base-2.3 §5.2.2.
    pub error_masked: Truth,
    /// The same of type SMART / Health, and log page 02h.
    pub health_masked: Truth,
    /// How many log reads with RAE = 0 of page 01h have completed: the judge re-arms by it.
    pub error_log_reads: u32,
    /// The host has moved a temperature threshold, so that a temperature event may be its own doing.
    pub thresholds_moved: bool,
}

/// What is believed of the Error Information log of one controller.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ErrorLog {
    /// The largest Error Count seen in it.
    pub count: u64,
    /// Whether it was read since the last reset.
    pub read: bool,
    /// The entries seen.
    pub kept: Arc<KeptLog>,
}

/// One controller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Controller {
    /// CAP as read.
    pub cap: Option<Cap>,
    /// VS as read.
    pub vs: Option<u32>,
    /// CC as last written by the host (or read, before any write).
    pub cc: Cc,
    /// Whether `cc` is known.
    pub cc_known: bool,
    /// CSTS as last read.
    pub csts: Option<Csts>,
    /// CRTO as read.
    pub crto: Option<u32>,
    /// AQA as written or read; unknown where the text leaves its value to the controller.
    pub aqa: Option<Aqa>,
    /// ASQ as written or read.
    pub asq: Option<Addr>,
    /// ACQ as written or read.
    pub acq: Option<Addr>,
    /// Interrupt mask (INTMS and INTMC), as written.
    pub intm: Option<u32>,
    /// Whether the host has MSI-X turned on, and how many vectors it programmed.
    pub msix: Option<u16>,
    /// How many MSI-X vectors the function has, where the log tells it.
    pub msix_vectors: Option<u16>,
    /// Where it is between disabled and ready.
    pub phase: Phase,
    /// I/O Submission Queues that exist.
    pub io_sqs: Queues<IoSq>,
    /// I/O Completion Queues that exist.
    pub io_cqs: Queues<IoCq>,
    /// An I/O queue was created since the last controller level reset.
    pub io_queue_was_created: bool,
    /// What Set Features (Number of Queues) granted.
    pub granted: Granted,
    /// Set or Get Features 07h has answered since the last controller level reset.
    pub granted_answered: bool,
    /// Feature 06h: Volatile Write Cache; bit 0 of its value is WCE.
    pub volatile_write_cache: Feature,
    /// Feature 07h as Get Features returned it, or Set Features answered it.
    pub number_of_queues: Feature,
    /// The other modelled features, value by value.
    pub features: Features,
    /// Temperatures, once log page 02h was read.
    pub temperatures: Option<Temperatures>,
    /// Feature 04h may have changed since the command whose data the host looks at was rung.
    pub thresholds_unsure: bool,
    /// Identify Controller as read.
    pub claims: Option<ControllerClaims>,
    /// Active namespaces as read.
    pub active: ActiveNamespaces,
    /// Asynchronous events.
    pub events: Events,
    /// Error Information log.
    pub error_log: ErrorLog,
    /// What has happened to it.
    pub lives: Lives,
    /// Identify Controller as it was read last.
    pub identified: Option<Kept>,
    /// Identify Namespace as it was read last, by NSID.
    pub identified_namespaces: Vec<(Nsid, Kept)>,
    /// Other Identify structures as they were read last.
    pub kept_structures: Vec<((Cns, Nsid), Kept)>,
    /// Log pages that hardly change, as they were read last as a whole.
    pub kept_pages: Vec<(Lid, Kept)>,
    /// The traffic around the command whose data the host looks at.
    pub counted: Counted,
    /// The SMART / Health Information log as it was read last.
    pub smart: Option<Arc<KeptSmart>>,
    /// What had happened when `active` was learned last.
    pub listed: Option<Lives>,
}

impl Controller {
    /// VS as a version, if it was read, or what Identify Controller says of it (VER, from 1.2 on).
    pub fn version(&self) -> Option<Version> {
        self.told_version().map(Version::from_raw)
    }

    fn told_version(&self) -> Option<u32> {
        self.vs.or(self.claims.map(|claims| claims.ver).filter(|ver| *ver != 0))
    }

    /// A Set Features was aborted: the current value of its feature may be either.
    pub fn forget_feature(&mut self, sqe: &spec::Sqe) {
        match <spec::command::SetFeatures as spec::command::Command>::project(sqe).fid {
            spec::Fid::VOLATILE_WRITE_CACHE => {
                self.volatile_write_cache.current = None;
                self.volatile_write_cache.saved = None;
            }
            // Allocated numbers stay until a reset.
            spec::Fid::NUMBER_OF_QUEUES if !self.granted_answered => {
                self.number_of_queues.current = None;
            }
            spec::Fid::NUMBER_OF_QUEUES => {}
            fid => self.features.forget(fid),
        }
    }

    /// The memory page size in use, in bytes (CC.MPS).
    pub fn page_bytes(&self) -> u64 {
        self.cc.page_bytes()
    }

    /// The most entries of an I/O queue (CAP.MQES + 1), once CAP was read.
    pub fn max_entries(&self) -> Option<u32> {
        self.cap.map(|cap| u32::from(cap.mqes_z()) + 1)
    }

    /// The most bytes that one command may transfer (MDTS in units of the minimum page size), once
    /// known; `Some(u64::MAX)` if there is no limit.
    pub fn max_transfer(&self) -> Option<u64> {
        let unit = 12 + u32::from(self.cap?.mpsmin());
        match self.claims?.mdts {
            0 => Some(u64::MAX),
            mdts => Some(1u64.checked_shl(unit + u32::from(mdts)).unwrap_or(u64::MAX)),
        }
    }

    /// Whether a volatile write cache is present and on (Feature 06h WCE).
    pub fn cache_on(&self) -> Truth {
        let present = self.claims.map_or(Maybe, |c| Truth::from(c.vwc & 1 != 0));
        present & self.volatile_write_cache.current.map_or(Maybe, |v| Truth::from(v & 1 != 0))
    }

    /// Whether `nsid` is a legal identifier: 1 to NN, or the broadcast value.
    pub fn valid_nsid(&self, nsid: Nsid) -> Truth {
        if nsid == Nsid::BROADCAST {
            return Yes;
        }
        if nsid.0 == 0 {
            return No;
        }
        self.claims.map_or(Maybe, |c| Truth::from(nsid.0 <= c.nn))
    }
}

impl Facts for Controller {
    fn fact(&self, fact: Fact) -> Option<u64> {
        let cap = self.cap;
        let id = self.claims;
        Some(match fact {
            Fact::Vs => u64::from(self.told_version()?),
            Fact::CapMqes => u64::from(cap?.mqes_z()),
            Fact::CapCqr => u64::from(cap?.cqr()),
            Fact::CapAms => u64::from(cap?.ams()),
            Fact::CapCss => u64::from(cap?.css()),
            Fact::CapNssrs => u64::from(cap?.nssrs()),
            Fact::CapCmbs => u64::from(cap?.cmbs()),
            Fact::CapPmrs => u64::from(cap?.pmrs()),
            Fact::CapCrms => u64::from(cap?.crms()),
            Fact::CapNsss => u64::from(cap?.nsss()),
            Fact::CapBps => u64::from(cap?.bps()),
            Fact::CcCrime => u64::from(self.cc_known.then(|| self.cc.crime())?),
            Fact::Fuses => u64::from(id?.fuses),
            Fact::Oaes => u64::from(id?.oaes),
            Fact::CapNsses => u64::from(cap?.nsses()),
            Fact::CcAms => u64::from(self.cc_known.then(|| self.cc.ams())?),
            Fact::Oacs => u64::from(id?.oacs),
            Fact::Oncs => u64::from(id?.oncs),
            Fact::Vwc => u64::from(id?.vwc),
            Fact::Cmic => u64::from(id?.cmic),
            Fact::Ctratt => u64::from(id?.ctratt),
            Fact::Mdts => u64::from(id?.mdts),
            Fact::Sgls => u64::from(id?.sgls),
            Fact::Lpa => u64::from(id?.lpa),
            Fact::Pcie => 1,
            Fact::Msix => u64::from(self.msix.is_some()),
        })
    }
}
