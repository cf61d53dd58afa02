//! A controller with two namespaces and a few queues, and what a rule says of a command there.

use model::memory::Memory;
use model::rules;
use model::ruling::{Decision, Forces, Others, Rule, Ruling, View, bits};
use model::state::*;
use spec::register::{Cap, Cc};
use spec::{Addr, Nsid, Qid, QueueKind, Req, Sqe, Status, Version};

/// Everything that a check sees.
#[derive(Clone, Debug)]
pub struct Scene {
    pub world: World,
    pub memory: Memory,
    pub others: Others,
}

impl Scene {
    /// VS 2.3; 64 entries per queue, 4 queues of each kind granted, I/O CQs 1, 2, I/O SQ 1 on CQ 1;
    /// namespaces 1 (1,000 blocks of 512 bytes) and 2 active, 3 and 4 inactive; MDTS 32 KiB.
    pub fn new() -> Self {
        let mut controller = Controller {
            cap: Some(Cap::new().with_mqes_z(63).with_css(1)),
            cc: Cc::new().with_en(true).with_iosqes(6).with_iocqes(4),
            cc_known: true,
            phase: Phase::Ready,
            vs: Some(Version::new(2, 3).to_raw()),
            claims: Some(ControllerClaims {
                mdts: 3,
                acl: 3,
                aerl: 3,
                elpe: 15,
                nn: 4,
                npss: 3,
                vwc: 7,
                lpa: 4,
                oncs: 1 << 4,
                sqes: 0x66,
                cqes: 0x44,
                ..Default::default()
            }),
            granted: Granted { io_sqs: Range::exactly(4), io_cqs: Range::exactly(4) },
            granted_answered: true,
            msix: Some(4),
            msix_vectors: Some(4),
            ..Default::default()
        };
        controller.active.learn(Nsid(0), &[1, 2], false);
        for qid in [Qid(1), Qid(2)] {
            let prp1 = Addr(0x10_0000);
            controller.io_cqs.insert(IoCq { qid, entries: 64, pc: true, prp1, ien: true, iv: 1 });
        }
        let (qid, prp1) = (Qid(1), Addr(0x11_0000));
        controller.io_sqs.insert(IoSq { qid, cqid: Qid(1), entries: 64, pc: true, prp1 });
        let mut world = World { controllers: vec![controller], ..Default::default() };
        for nsid in [Nsid(1), Nsid(2)] {
            world.namespace_mut(nsid).claims = Some(NamespaceClaims {
                nsze: 1000,
                ncap: 1000,
                block_bytes: 512,
                ..Default::default()
            });
        }
        Self { world, memory: Memory::default(), others: Others::default() }
    }

    /// The same scene after `change`.
    pub fn with(mut self, change: impl FnOnce(&mut Scene)) -> Self {
        change(&mut self);
        self
    }

    pub fn controller(&mut self) -> &mut Controller {
        &mut self.world.controllers[0]
    }

    pub fn claims(&mut self) -> &mut ControllerClaims {
        self.controller().claims.get_or_insert_default()
    }

    pub fn revision(&mut self, major: u16, minor: u8) {
        self.controller().vs = Some(Version::new(major, minor).to_raw());
    }

    pub fn version(&self) -> Version {
        self.world.controllers[0].version().unwrap_or(Version::new(2, 3))
    }

    pub fn view(&self) -> View<'_> {
        View {
            world: &self.world,
            controller: &self.world.controllers[0],
            ctrl: 0,
            sqid: Qid(0),
            version: self.version(),
            memory: &self.memory,
            others: self.others,
        }
    }

    pub fn forces(&self) -> Forces {
        Forces::new(&self.world.controllers[0], self.world.controllers[0].version())
    }

    /// What the rule of the command says here.
    pub fn ruled(&self, queue: QueueKind, sqe: &Sqe) -> Ruled {
        let rule = rules::find(queue, sqe).expect("the command is modelled");
        let forces = self.forces();
        let ruling = rule.in_force(rule.evaluate(sqe, &self.view()), &forces);
        Ruled { rule, ruling, forces }
    }
}

/// A rule, applied.
pub struct Ruled {
    pub rule: &'static Rule,
    pub ruling: Ruling,
    pub forces: Forces,
}

impl Ruled {
    pub fn decide(&self, status: Status) -> Decision {
        self.rule.decide(self.ruling, status, &self.forces)
    }

    /// The requirements that fail surely.
    pub fn failing(&self) -> Vec<Req> {
        bits(self.ruling.failing).map(|n| self.rule.check(n).0).collect()
    }

    /// The requirements that may fail.
    pub fn undecided(&self) -> Vec<Req> {
        bits(self.ruling.undecided).map(|n| self.rule.check(n).0).collect()
    }
}

/// The commands of the tests in this scene: each has no fault.
pub mod good {
    use spec::command::*;
    use spec::{Addr, Cns, Entries, Fid, Lba, Lid, Nsid, Qid};

    pub const DATA: Addr = Addr(0x20_0000);

    pub fn create_io_sq() -> CreateIoSq {
        CreateIoSq {
            prp1: Addr(0x12_0000),
            qid: Qid(2),
            entries: Entries(16),
            pc: true,
            qprio: 0,
            cqid: Qid(1),
            nvmsetid: 0,
        }
    }

    pub fn create_io_cq() -> CreateIoCq {
        CreateIoCq {
            prp1: Addr(0x13_0000),
            qid: Qid(3),
            entries: Entries(16),
            pc: true,
            ien: true,
            iv: 1,
        }
    }

    pub fn delete_io_sq() -> DeleteIoSq {
        DeleteIoSq { qid: Qid(1) }
    }

    pub fn delete_io_cq() -> DeleteIoCq {
        DeleteIoCq { qid: Qid(2) }
    }

    pub fn identify(cns: Cns, nsid: u32) -> Identify {
        Identify { nsid: Nsid(nsid), prp1: DATA, cns, ..Default::default() }
    }

    pub fn get_features(fid: Fid) -> GetFeatures {
        let cdw11 = if fid == Fid::INTERRUPT_VECTOR_CONFIGURATION { 1 } else { 0 };
        GetFeatures { fid, nsid: owner(fid), cdw11, ..Default::default() }
    }

    pub fn set_features(fid: Fid, cdw11: u32) -> SetFeatures {
        SetFeatures { fid, nsid: owner(fid), cdw11, ..Default::default() }
    }

    /// The namespace to name for a feature.
    fn owner(fid: Fid) -> Nsid {
        Nsid(u32::from(fid == Fid::ERROR_RECOVERY))
    }

    pub fn get_log_page() -> GetLogPage {
        GetLogPage { prp1: DATA, lid: Lid::ERROR_INFORMATION, numdl_z: 15, ..Default::default() }
    }

    /// The first 64 bytes of a page.
    pub fn page(lid: Lid) -> GetLogPage {
        GetLogPage { lid, ..get_log_page() }
    }

    pub fn read() -> Read {
        Read { nsid: Nsid(1), prp1: DATA, slba: Lba(8), nlb: Entries(8), ..Default::default() }
    }

    pub fn write() -> Write {
        Write { nsid: Nsid(1), prp1: DATA, slba: Lba(8), nlb: Entries(8), ..Default::default() }
    }

    pub fn flush() -> Flush {
        Flush { nsid: Nsid(1) }
    }
}
