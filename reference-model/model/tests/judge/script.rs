//! A log written by hand: a host that does what it should, and a controller that does what the test
//! says.

use std::sync::Arc;

use log::{
    BlockTag, Body, DoorbellWrite, EmptyLook, Ident, Interval, Log, LookReason, Origin, Perm,
    RegisterWrite, SubmitRef,
};
use model::{DivergenceKind, FindingKind, Judge, Profile};
use spec::command::{CreateIoCq, CreateIoSq, Identify, Read, SetFeatures, Write};
use spec::identify::{IdentifyController, IdentifyNamespace, LbaFormat};
use spec::register::{self, Cap, DoorbellKind};
use spec::structure::Text;
use spec::{Addr, Cid, Cns, Cqe, Entries, Fid, Lba, Nsid, Qid, Req, Sqe, Status};

/// Nanoseconds that each record takes.
pub const STEP: u64 = 100;
/// Entries of every queue of the script.
pub const ENTRIES: u32 = 8;
/// CC of an enabled controller: IOSQES 6, IOCQES 4.
pub const CC_ON: u64 = 0x0046_0001;
/// The same with EN = 0.
pub const CC_OFF: u64 = 0x0046_0000;

const SUCCESS: Status = Status::SUCCESSFUL_COMPLETION;

/// A queue pair, as the host keeps it.
#[derive(Clone, Copy, Default)]
struct Pair {
    tail: u32,
    fetched: u32,
    posted: u32,
    phase: bool,
    rung: u32,
}

/// A submitted command.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub submit: SubmitRef,
    pub qid: u16,
    pub cid: Cid,
}

/// The log under construction.
#[derive(Clone)]
pub struct Script {
    pub log: Log,
    pub now: u64,
    pub ctrl: u8,
    /// The step that records belong to: 0 is bring-up.
    pub step: u16,
    pairs: [[Pair; 4]; 2],
    next_cid: u16,
    sequence: u64,
}

/// Where blocks are written from and read to, by number of the buffer.
pub fn buffer(n: u64) -> Addr {
    Addr(0x20_0000 + n * 0x2000)
}

/// What a write of the script with this sequence number puts into `lba`.
pub fn ident(sequence: u64, lba: u64) -> Ident {
    BlockTag { nsid: 1, writer: 0, lba, sequence }.ident()
}

impl Script {
    /// An enabled controller of revision 2.3, whose claims were read, with one namespace.
    pub fn new() -> Self {
        let mut s = Self::bare();
        s.enable();
        s.identify();
        s
    }

    /// A controller that was not enabled yet.
    pub fn bare() -> Self {
        Self::bare_seen_by(true)
    }

    /// The same; `exact_dma`: all of its DMA is in the log.
    pub fn bare_seen_by(exact_dma: bool) -> Self {
        let mut s = Self {
            log: Log::default(),
            now: 1_000,
            ctrl: 0,
            step: 0,
            pairs: [[Pair::default(); 4]; 2],
            next_cid: 0,
            sequence: 0,
        };
        let payload = s.log.store(b"{}");
        let origin = Origin {
            format: log::trace::FORMAT,
            controllers: 2,
            device_vantage: false,
            exact_dma,
            read_flushes_dma: true,
            payload,
        };
        s.add(Body::Origin(origin));
        s.add(Body::Map { at: Addr(0x10_0000), len: 0x40_0000, perm: Perm::Both });
        s
    }

    /// Appends a record of a moment before.
    pub fn add_dated(&mut self, time: u64, body: Body) -> u32 {
        self.log.push(self.ctrl, 0, Interval { not_before: time, seen: time }, body)
    }

    /// Appends a record that takes one step.
    pub fn add(&mut self, body: Body) -> u32 {
        let not_before = self.now;
        self.now += STEP;
        self.log.push(self.ctrl, self.step, Interval { not_before, seen: self.now }, body)
    }

    pub fn write(&mut self, offset: u32, width: u8, value: u64) {
        self.add(Body::RegisterWrite(RegisterWrite { offset, width, value }));
    }

    pub fn read(&mut self, offset: u32, width: u8, value: u64) {
        self.add(Body::RegisterRead(RegisterWrite { offset, width, value }));
    }

    pub fn csts(&mut self, value: u64) {
        self.read(register::CSTS, 4, value);
    }

    /// From CAP to RDY = 1.
    pub fn enable(&mut self) {
        self.read(register::VS, 4, 0x2_0300);
        self.enable_without_version();
    }

    /// The same by a host that does not ask for the revision.
    pub fn enable_without_version(&mut self) {
        let cap = Cap::new().with_mqes_z(63).with_to(20).with_css(1).with_crms(1);
        self.read(register::CAP, 8, u64::from(cap));
        self.read(register::CRTO, 4, 20);
        self.csts(0);
        let base = 0x10_0000 + 0x1_0000 * u64::from(self.ctrl);
        self.write(register::AQA, 4, 0x0007_0007);
        self.write(register::ASQ, 8, base);
        self.write(register::ACQ, 8, base + 0x1000);
        self.write(register::CC, 4, CC_ON);
        self.csts(1);
        self.add(Body::MsixEnable { on: true, vectors: 4 });
        self.pairs[usize::from(self.ctrl)] = [Pair { phase: true, ..Pair::default() }; 4];
    }

    /// Reads what the controller claims.
    pub fn identify(&mut self) {
        let mut id = IdentifyController::zeroed();
        id.set()
            .vid(0x1b36)
            .sn(Text::padded("SERIAL 1", b' '))
            .mn(Text::padded("a controller", b' '))
            .fr(Text::padded("1.0", b' '))
            .ieee([1, 2, 3])
            .cmic(2)
            .cntlid(u16::from(self.ctrl))
            .ver(0x0002_0300)
            .bpcap(1)
            .cntrltype(1)
            .acl(3)
            .aerl(3)
            .frmw(2)
            .lpa(4)
            .elpe(15)
            .wctemp(340)
            .cctemp(350)
            .sqes(0x66)
            .cqes(0x44)
            .nn(1)
            .vwc(7)
            .awun(7)
            .subnqn(Text::padded("nqn.2019-08.org.example:one", 0));
        let bytes = *id.bytes();
        self.structure(Cns::IDENTIFY_CONTROLLER, 0, &bytes);
        let mut ns = IdentifyNamespace::zeroed();
        let mut formats = [LbaFormat::new(); 64];
        formats[0] = LbaFormat::new().with_lbads(9);
        ns.set().nsze(1000).ncap(1000).nuse(10).nmic(1).dlfeat(1).lbaf(formats).nguid([7; 16]);
        let bytes = *ns.bytes();
        self.structure(Cns::IDENTIFY_NAMESPACE, 1, &bytes);
        let mut list = [0; 4096];
        list[0] = 1;
        self.structure(Cns::ACTIVE_NAMESPACE_ID_LIST, 0, &list);
        self.grant();
    }

    /// Asks for 4 queues of each kind, and gets them.
    pub fn grant(&mut self) {
        let fid = Fid::NUMBER_OF_QUEUES;
        let sent =
            self.send(0, SetFeatures { fid, cdw11: 3 << 16 | 3, ..Default::default() }.into());
        let cqe = self.cqe(sent, SUCCESS, 3 << 16 | 3);
        self.post(0, cqe);
    }

    fn structure(&mut self, cns: Cns, nsid: u32, bytes: &[u8]) {
        let at = Addr(0x18_0000);
        let identify = Identify { cns, nsid: Nsid(nsid), prp1: at, ..Identify::default() };
        self.done(0, identify.into());
        let payload = self.log.store(bytes);
        self.add(Body::BytesSeen { at, payload });
    }

    fn pair(&mut self, qid: u16) -> &mut Pair {
        &mut self.pairs[usize::from(self.ctrl)][usize::from(qid)]
    }

    /// Puts a command into its slot.
    pub fn submit(&mut self, qid: u16, sqe: Sqe) -> Sent {
        let cid = Cid(self.next_cid);
        self.next_cid += 1;
        self.submit_as(qid, sqe, cid)
    }

    /// The same under this identifier.
    pub fn submit_as(&mut self, qid: u16, sqe: Sqe, cid: Cid) -> Sent {
        let sqe = sqe.with_cid(cid);
        let slot = self.pair(qid).tail;
        self.pair(qid).tail = (slot + 1) % ENTRIES;
        let submit = SubmitRef(self.add(Body::Submit { sqid: Qid(qid), slot: slot as u16, sqe }));
        Sent { submit, qid, cid }
    }

    pub fn doorbell(&mut self, kind: DoorbellKind, qid: u16, value: u32) {
        self.add(Body::Doorbell(DoorbellWrite { kind, qid: Qid(qid), value }));
    }

    /// Rings the tail doorbell for what was submitted.
    pub fn ring(&mut self, qid: u16) {
        let tail = self.pair(qid).tail;
        self.pair(qid).rung = tail;
        self.doorbell(DoorbellKind::SqTail, qid, tail);
    }

    /// Submits and rings.
    pub fn send(&mut self, qid: u16, sqe: Sqe) -> Sent {
        let sent = self.submit(qid, sqe);
        self.ring(qid);
        sent
    }

    /// The CQE that a right controller posts now, with everything fetched.
    pub fn cqe(&mut self, sent: Sent, status: Status, dw0: u32) -> Cqe {
        let pair = self.pair(sent.qid);
        pair.fetched = pair.rung;
        let dnr = !status.is_success();
        let cqe = Cqe::new(dw0, Qid(sent.qid), pair.fetched as u16, sent.cid, status, dnr);
        cqe.with_phase(pair.phase)
    }

    /// Posts a CQE in the next slot of its own queue and releases it.
    pub fn post(&mut self, qid: u16, cqe: Cqe) -> u32 {
        let at = self.post_unreleased(qid, cqe);
        let head = self.pair(qid).posted;
        self.doorbell(DoorbellKind::CqHead, qid, head);
        at
    }

    /// Releases what was posted to a queue.
    pub fn release(&mut self, qid: u16) {
        let head = self.pair(qid).posted;
        self.doorbell(DoorbellKind::CqHead, qid, head);
    }

    /// Posts a CQE in the next slot of its own queue.
    pub fn post_unreleased(&mut self, qid: u16, cqe: Cqe) -> u32 {
        let slot = self.pair(qid).posted as u16;
        let pair = self.pair(qid);
        pair.posted = (pair.posted + 1) % ENTRIES;
        if pair.posted == 0 {
            pair.phase = !pair.phase;
        }
        self.add(Body::Completion { cqid: Qid(qid), slot, cqe })
    }

    /// Completes a command.
    pub fn complete(&mut self, sent: Sent, status: Status) -> u32 {
        let cqe = self.cqe(sent, status, 0);
        self.post(sent.qid, cqe)
    }

    /// Sends a command that succeeds.
    pub fn done(&mut self, qid: u16, sqe: Sqe) -> Sent {
        let sent = self.send(qid, sqe);
        self.complete(sent, SUCCESS);
        sent
    }

    pub fn create_cq(qid: u16) -> Sqe {
        let prp1 = Addr(0x14_0000 + 0x2000 * u64::from(qid));
        let good = CreateIoCq { qid: Qid(qid), prp1, pc: true, ..CreateIoCq::default() };
        CreateIoCq { entries: Entries(ENTRIES), ien: true, iv: qid, ..good }.into()
    }

    pub fn create_sq(qid: u16, cqid: u16) -> Sqe {
        let prp1 = Addr(0x14_1000 + 0x2000 * u64::from(qid));
        let good = CreateIoSq { qid: Qid(qid), prp1, pc: true, ..CreateIoSq::default() };
        CreateIoSq { entries: Entries(ENTRIES), cqid: Qid(cqid), ..good }.into()
    }

    /// Creates queue pair `qid`.
    pub fn queue_pair(&mut self, qid: u16) {
        self.done(0, Self::create_cq(qid));
        self.done(0, Self::create_sq(qid, qid));
        let fresh = Pair { phase: true, ..Pair::default() };
        *self.pair(qid) = fresh;
    }

    /// Submission queue `qid` was created anew; its completion queue goes on.
    pub fn new_sq(&mut self, qid: u16) {
        let pair = self.pair(qid);
        (pair.tail, pair.fetched, pair.rung) = (0, 0, 0);
    }

    /// A Write of `count` blocks, filled with the next sequence number, which is returned.
    pub fn write_sqe(&mut self, lba: u64, count: u32) -> (Sqe, u64) {
        self.sequence += 1;
        let sequence = self.sequence;
        let (at, tag) = (buffer(sequence), BlockTag { nsid: 1, writer: 0, lba, sequence });
        self.add(Body::Fill { at, block_bytes: 512, blocks: count, tag });
        let write = Write { nsid: Nsid(1), prp1: at, slba: Lba(lba), ..Write::default() };
        (Write { nlb: Entries(count), ..write }.into(), sequence)
    }

    /// A Read of `count` blocks into a buffer of its own, which is returned.
    pub fn read_sqe(&mut self, lba: u64, count: u32) -> (Sqe, Addr) {
        self.sequence += 1;
        let at = buffer(self.sequence);
        let read = Read { nsid: Nsid(1), prp1: at, slba: Lba(lba), ..Read::default() };
        (Read { nlb: Entries(count), ..read }.into(), at)
    }

    /// The host looks at blocks.
    pub fn look(&mut self, at: Addr, idents: &[Ident]) {
        let mut six = [Ident(0); 6];
        six[..idents.len()].copy_from_slice(idents);
        let count = idents.len() as u8;
        self.add(Body::FewBlocksSeen { at, block_bytes: 512, count, idents: six });
    }

    /// Reads one block, which holds `seen`.
    pub fn reads(&mut self, qid: u16, lba: u64, seen: Ident) {
        let (sqe, at) = self.read_sqe(lba, 1);
        self.done(qid, sqe);
        self.look(at, &[seen]);
    }

    /// Writes one block and completes; what it holds then.
    pub fn writes(&mut self, qid: u16, lba: u64) -> Ident {
        let (sqe, sequence) = self.write_sqe(lba, 1);
        self.done(qid, sqe);
        ident(sequence, lba)
    }

    /// The host looks at a queue of an idle controller and sees nothing new.
    pub fn empty_look(&mut self, qid: u16, reason: LookReason) {
        let slot = self.pair(qid).posted as u16;
        self.add(Body::EmptyLook(EmptyLook { cqid: Qid(qid), slot, reason }));
    }

    /// Ends the log and judges it.
    pub fn judge(&self) -> Judge {
        self.judge_by(Profile::default())
    }

    /// The same, by this profile.
    pub fn judge_by(&self, profile: Profile) -> Judge {
        let mut log = self.log.clone();
        let when = Interval { not_before: self.now, seen: self.now };
        log.push(0, self.step, when, Body::End { audited: false });
        let mut judge = Judge::new(Arc::new(profile));
        judge.catch_up(&log);
        judge
    }

    /// Nothing is found.
    #[track_caller]
    pub fn passes(&self) {
        let judge = self.judge();
        assert!(judge.findings().is_empty(), "{:#?}", judge.findings());
    }

    /// What is found first is a divergence by `req`.
    #[track_caller]
    pub fn diverges(&self, req: Req) {
        let judge = self.judge();
        let found: Vec<_> = judge.findings().iter().map(|f| (f.kind, f.req)).collect();
        let first = judge.findings().iter().find(|f| matches!(f.kind, FindingKind::Divergence(_)));
        assert_eq!(first.and_then(|f| f.req), Some(req), "{found:?}");
    }

    /// What is found first is a silence by `req`.
    #[track_caller]
    pub fn is_silent(&self, req: Req) {
        let judge = self.judge();
        let first = judge.findings().first().map(|f| (f.kind, f.req));
        assert_eq!(first, Some((FindingKind::Divergence(DivergenceKind::Silence), Some(req))));
    }

    /// What is found is of these kinds, in this order.
    #[track_caller]
    pub fn findings_are(&self, kinds: &[FindingKind]) {
        let judge = self.judge();
        let found: Vec<_> = judge.findings().iter().map(|f| f.kind).collect();
        assert_eq!(found, kinds, "{:#?}", judge.findings());
    }
}
