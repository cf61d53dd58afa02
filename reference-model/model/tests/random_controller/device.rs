//! A controller that takes any permitted outcome: commands are fetched, carried out block by block,
//! and completed in any order.

use std::collections::{BTreeMap, HashMap};

use log::BlockTag;
use log::random::Random;
use model::memory::Memory;
use model::prp::{PrpRole, PrpWalk};
use model::rules;
use model::rules::log_pages::supported::lists_feature;
use model::ruling::{Apply, Blocks, Data, Forces, Others, Rule, View};
use model::sample::{self, Answer};
use model::state::{Controller, ControllerClaims, Feature, NamespaceClaims, Phase, World};
use spec::command::{
    Abort, Command, CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq, GetFeatures, GetLogPage,
};
use spec::opcode::{admin, nvm};
use spec::register::Cap;
use spec::{Addr, Cid, Cqe, Fid, Lid, Nsid, Qid, QueueKind, Sqe, Status, Version};

use crate::health::{Health, make_lists};

pub const BLOCK: u64 = 512;
pub const PAGE: u64 = 4096;
pub const NSZE: u64 = 400;
pub const AERL: u8 = 1;
pub const ACL: u8 = 3;

/// A submission queue, as the controller has it.
#[derive(Default)]
pub struct Sq {
    pub cqid: u16,
    pub entries: u32,
    pub slots: Vec<Sqe>,
    /// Commands rung and fetched since its creation.
    pub tail: u64,
    pub head: u64,
}

/// A completion queue, as the controller has it; `slots` is what host memory holds.
#[derive(Default)]
pub struct Cq {
    pub entries: u32,
    pub slots: Vec<Cqe>,
    pub posted: u64,
    pub released: u64,
}

/// A command that was fetched.
pub struct Running {
    sqid: u16,
    sqe: Sqe,
    /// Decided, with what is left to do: blocks by index.
    pub answer: Option<(Answer, Vec<u32>)>,
    /// The log page that it returns.
    page: Option<Vec<u8>>,
    /// It clears events when it is completed.
    clears: bool,
}

impl Running {
    /// Whether it is decided, and succeeds.
    pub fn reports(&self) -> bool {
        self.answer.as_ref().is_some_and(|(answer, _)| answer.status.is_success())
    }
}

#[derive(Default)]
pub struct Unit {
    pub sqs: BTreeMap<u16, Sq>,
    pub cqs: BTreeMap<u16, Cq>,
    pub running: Vec<Running>,
    pub stopping: bool,
    /// Log pages of completed commands, by identifier.
    pub pages: HashMap<Cid, Vec<u8>>,
    pub health: Health,
}

pub struct Device {
    /// The truth: all that the judge could come to believe.
    pub world: World,
    pub units: Vec<Unit>,
    /// Host memory.
    pub memory: Memory,
    media: HashMap<(u32, u64), BlockTag>,
    pub forgets_writes: bool,
    pub random: Random,
}

impl Device {
    pub fn new(mut random: Random) -> Self {
        let controller = |n: u16| Controller {
            cap: Some(
                Cap::new().with_mqes_z(31).with_cqr(true).with_to(20).with_css(1).with_crms(1),
            ),
            vs: Some(Version::new(2, 3).to_raw()),
            claims: Some(claims(n)),
            volatile_write_cache: Feature {
                current: Some(1),
                default: Some(1),
                saved: None,
                capabilities: Some(0b100),
                ..Default::default()
            },
            number_of_queues: Feature { capabilities: Some(0b100), ..Default::default() },
            ..Default::default()
        };
        let mut world =
            World { controllers: vec![controller(0), controller(1)], ..Default::default() };
        for n in &mut world.controllers {
            make_features(n);
            make_lists(n, std::array::from_fn(|_| random.one_in(2)));
            n.active.learn(Nsid(0), &[1, 2], false);
        }
        for nsid in [Nsid(1), Nsid(2)] {
            world.namespace_mut(nsid).claims = Some(NamespaceClaims {
                nsze: NSZE,
                ncap: NSZE,
                block_bytes: BLOCK as u32,
                dlfeat: 1,
                nmic: 1,
                ..Default::default()
            });
        }
        Self {
            world,
            units: vec![Unit::default(), Unit::default()],
            memory: Memory::default(),
            media: HashMap::new(),
            forgets_writes: false,
            random,
        }
    }

    pub fn controller(&mut self, ctrl: usize) -> &mut Controller {
        &mut self.world.controllers[ctrl]
    }

    /// CC.EN was set: only the admin queue pair exists.
    pub fn enable(&mut self, ctrl: usize, entries: u32) {
        let unit = &mut self.units[ctrl];
        let health = std::mem::take(&mut unit.health);
        *unit = Unit { health, ..Unit::default() };
        unit.sqs.insert(
            0,
            Sq { entries, slots: vec![Sqe::default(); entries as usize], ..Sq::default() },
        );
        unit.cqs.insert(
            0,
            Cq { entries, slots: vec![Cqe::default(); entries as usize], ..Cq::default() },
        );
        self.controller(ctrl).phase = Phase::Ready;
    }

    /// The end of a Controller Reset: RDY falls, everything in flight is gone.
    pub fn finish_reset(&mut self, ctrl: usize) {
        self.units[ctrl].running.clear();
        self.units[ctrl].stopping = true;
        let controller = self.controller(ctrl);
        controller.io_sqs.0.clear();
        controller.io_cqs.0.clear();
        controller.io_queue_was_created = false;
        controller.granted = Default::default();
        controller.granted_answered = false;
        controller.number_of_queues.current = None;
        controller.volatile_write_cache.current = controller.volatile_write_cache.default;
        controller.volatile_write_cache.since_reset = false;
        for (fid, _) in FEATURES {
            for (_, feature) in controller.features.values_mut(fid) {
                feature.current = feature.default;
            }
        }
        self.reset_health(ctrl);
    }

    /// Whether nothing more will come by itself.
    pub fn is_idle(&self, ctrl: usize) -> bool {
        let unit = &self.units[ctrl];
        let fetched = unit.sqs.iter().all(|(_, sq)| sq.head == sq.tail);
        fetched && unit.running.iter().all(|r| is_aer(r) && r.answer.is_none())
    }

    /// One thing, chosen at random, of controller `ctrl`.
    pub fn step(&mut self, ctrl: usize) {
        if self.units[ctrl].stopping {
            return;
        }
        match self.random.below(30) {
            0 => self.drift(ctrl),
            1..11 => self.fetch(ctrl),
            _ => {
                let count = self.units[ctrl].running.len() as u64;
                if count != 0 {
                    let n = self.random.below(count) as usize;
                    self.advance(ctrl, n);
                }
            }
        }
    }

    fn fetch(&mut self, ctrl: usize) {
        let unit = &mut self.units[ctrl];
        let ready: Vec<u16> =
            unit.sqs.iter().filter(|(_, sq)| sq.head < sq.tail).map(|(q, _)| *q).collect();
        let Some(&sqid) = ready.get(self.random.below(ready.len() as u64) as usize) else { return };
        let unit = &mut self.units[ctrl];
        let sq = unit.sqs.get_mut(&sqid).expect("chosen among them");
        let sqe = sq.slots[(sq.head % u64::from(sq.entries)) as usize];
        sq.head += 1;
        unit.running.push(Running { sqid, sqe, answer: None, page: None, clears: false });
        if unit.health.waits {
            self.report(ctrl);
        }
    }

    /// Decides a command, does one more block of it, or completes it.
    fn advance(&mut self, ctrl: usize, n: usize) {
        match &self.units[ctrl].running[n].answer {
            None => self.decide(ctrl, n),
            Some((_, left)) if !left.is_empty() => self.move_block(ctrl, n),
            Some(_) => self.post(ctrl, n),
        }
    }

    fn rule_of(running: &Running) -> &'static Rule {
        let kind = if running.sqid == 0 { QueueKind::Admin } else { QueueKind::Nvm };
        rules::find(kind, &running.sqe).expect("the host sends modelled commands only")
    }

    fn view<'a>(&'a self, ctrl: usize, running: &Running) -> View<'a> {
        let all = &self.units[ctrl].running;
        let others = |opcode: u8| {
            let same =
                all.iter().filter(|r| r.sqid == 0 && r.sqe.opcode() == opcode).count() as u32;
            same - u32::from(running.sqid == 0 && running.sqe.opcode() == opcode)
        };
        View {
            world: &self.world,
            controller: &self.world.controllers[ctrl],
            ctrl: ctrl as u8,
            sqid: Qid(running.sqid),
            version: Version::new(2, 3),
            memory: &self.memory,
            others: Others {
                aers: others(admin::ASYNCHRONOUS_EVENT_REQUEST),
                aborts: others(admin::ABORT),
                same_cid: 0,
            },
        }
    }

    fn decide(&mut self, ctrl: usize, n: usize) {
        let running = &self.units[ctrl].running[n];
        let rule = Self::rule_of(running);
        let forces = Forces::new(&self.world.controllers[ctrl], Some(Version::new(2, 3)));
        let view = self.view(ctrl, running);
        let (sqid, sqe) = (running.sqid, running.sqe);
        let data = (rule.data)(&sqe, &view);
        let aers = view.others.aers;
        let mut random = self.random.clone();
        let mut answer = sample::answer(rule, &sqe, &view, &forces, |n| random.below(n));
        self.random = random;
        let admin_opcode = (sqid == 0).then(|| sqe.opcode());
        if admin_opcode == Some(admin::ASYNCHRONOUS_EVENT_REQUEST) {
            // There is no event to report: it waits, unless there are too many.
            if aers <= u32::from(AERL) {
                answer.status = match answer.status {
                    Status::SUCCESSFUL_COMPLETION => return,
                    status => status,
                };
            } else {
                answer.status = Status::ASYNCHRONOUS_EVENT_REQUEST_LIMIT_EXCEEDED;
            }
        }
        // A feature of which the name alone is modelled is there if it is listed.
        let by_name = std::ptr::eq(rule, &rules::features::GET_BY_NAME);
        if by_name
            && lists_feature(GetFeatures::project(&sqe).fid, &self.world.controllers[ctrl])
                == Some(true)
        {
            answer.status = Status::SUCCESSFUL_COMPLETION;
        }
        let placed = match data {
            Data::Read(blocks) | Data::Write(blocks) => blocks.placed,
            Data::Unknown => by_name,
            _ => true,
        };
        if answer.status.is_success() && !placed {
            answer = Answer { status: Status::PRP_OFFSET_INVALID, dw0: 0 };
        }
        let (mut left, mut page, mut clears) = (Vec::new(), None, false);
        if answer.status.is_success() {
            if let Data::Read(blocks) | Data::Write(blocks) = data {
                left = (0..blocks.count).collect();
            }
            match admin_opcode {
                Some(admin::ABORT) => answer.dw0 = self.abort(ctrl, n),
                Some(admin::DELETE_IO_SUBMISSION_QUEUE) => self.drop_commands_of(ctrl, &sqe),
                Some(admin::GET_LOG_PAGE) => {
                    let cmd = GetLogPage::project(&sqe);
                    page = self.make_page(ctrl, &cmd);
                    clears = cmd.lid == Lid::SMART_HEALTH_INFORMATION && !cmd.rae;
                }
                _ => {}
            }
            self.apply(ctrl, rule, sqid, &sqe, answer);
            if admin_opcode == Some(admin::SET_FEATURES) {
                self.weigh(ctrl);
            }
        }
        // An Abort or a deletion took commands away: find this one again.
        let mut all = self.units[ctrl].running.iter_mut();
        let own = all.find(|r| r.sqid == sqid && r.sqe.cid() == sqe.cid()).expect("it still runs");
        own.answer = Some((answer, left));
        (own.page, own.clears) = (page, clears);
    }

    /// What acceptance does to the truth, by the rule itself.
    fn apply(&mut self, ctrl: usize, rule: &Rule, sqid: u16, sqe: &Sqe, answer: Answer) {
        let cqe = Cqe::new(answer.dw0, Qid(sqid), 0, sqe.cid(), answer.status, false);
        (rule.accept)(&mut Apply {
            world: &mut self.world,
            ctrl: ctrl as u8,
            sqid: Qid(sqid),
            sqe,
            cqe: &cqe,
            version: Version::new(2, 3),
            memory: &self.memory,
            held: &mut Vec::new(),
        });
        if sqid != 0 {
            return;
        }
        let unit = &mut self.units[ctrl];
        match sqe.opcode() {
            admin::CREATE_IO_SUBMISSION_QUEUE => {
                let c = CreateIoSq::project(sqe);
                let slots = vec![Sqe::default(); c.entries.0 as usize];
                let sq = Sq { cqid: c.cqid.0, entries: c.entries.0, slots, ..Sq::default() };
                unit.sqs.insert(c.qid.0, sq);
            }
            admin::CREATE_IO_COMPLETION_QUEUE => {
                let c = CreateIoCq::project(sqe);
                let slots = vec![Cqe::default(); c.entries.0 as usize];
                unit.cqs.insert(c.qid.0, Cq { entries: c.entries.0, slots, ..Cq::default() });
            }
            admin::DELETE_IO_SUBMISSION_QUEUE => {
                drop(unit.sqs.remove(&DeleteIoSq::project(sqe).qid.0))
            }
            admin::DELETE_IO_COMPLETION_QUEUE => {
                drop(unit.cqs.remove(&DeleteIoCq::project(sqe).qid.0))
            }
            _ => {}
        }
    }

    /// Dword 0 of an Abort: 0 if its target is taken back before it was decided.
    fn abort(&mut self, ctrl: usize, n: usize) -> u32 {
        let Abort { sqid, cid } = Abort::project(&self.units[ctrl].running[n].sqe);
        let willing = self.random.one_in(2);
        let is_target =
            |r: &Running| Qid(r.sqid) == sqid && r.sqe.cid() == cid && r.answer.is_none();
        let target = (0..self.units[ctrl].running.len())
            .find(|m| *m != n && is_target(&self.units[ctrl].running[*m]));
        match target {
            Some(m) if willing => {
                let aborted = Answer { status: Status::COMMAND_ABORT_REQUESTED, dw0: 0 };
                self.units[ctrl].running[m].answer = Some((aborted, Vec::new()));
                0
            }
            _ => 1,
        }
    }

    /// The commands of a queue that is deleted are completed or dropped before its deletion is.
    fn drop_commands_of(&mut self, ctrl: usize, sqe: &Sqe) {
        let qid = DeleteIoSq::project(sqe).qid.0;
        for n in (0..self.units[ctrl].running.len()).rev() {
            let running = &self.units[ctrl].running[n];
            let finished = running.answer.as_ref().is_some_and(|(_, left)| left.is_empty());
            if running.sqid != qid {
                continue;
            }
            if finished && self.random.one_in(2) {
                self.post(ctrl, n);
            }
            let all = &mut self.units[ctrl].running;
            if all.get(n).is_some_and(|r| r.sqid == qid) {
                all.remove(n);
            }
        }
    }

    /// The address of block `i` of a transfer: every block lies within one page here.
    fn address(&self, sqe: &Sqe, blocks: &Blocks, i: u32) -> Addr {
        let mut offset = u64::from(i) * BLOCK;
        for item in PrpWalk::new(&self.memory, sqe, PAGE, u64::from(blocks.count) * BLOCK) {
            if !item.is_data() {
                continue;
            }
            let base = if item.role == PrpRole::First {
                item.entry.0 & !3
            } else {
                item.entry.page_base(PAGE)
            };
            if offset < item.len {
                return Addr(base + offset);
            }
            offset -= item.len;
        }
        panic!("block {i} of {blocks:?} has no address");
    }

    fn move_block(&mut self, ctrl: usize, n: usize) {
        let running = &self.units[ctrl].running[n];
        let (sqe, count) = (running.sqe, running.answer.as_ref().map_or(0, |(_, left)| left.len()));
        let (Data::Read(blocks) | Data::Write(blocks)) =
            (Self::rule_of(running).data)(&sqe, &self.view(ctrl, running))
        else {
            return;
        };
        let pick = self.random.below(count as u64) as usize;
        let (_, left) = self.units[ctrl].running[n].answer.as_mut().expect("it was decided");
        let i = left.swap_remove(pick);
        let at = self.address(&sqe, &blocks, i);
        let key = (blocks.nsid.0, blocks.slba + u64::from(i));
        if sqe.opcode() == nvm::WRITE {
            let mut bytes = vec![0; BLOCK as usize];
            assert!(self.memory.read(at, &mut bytes), "the host filled its buffers");
            let tag = BlockTag::read(&bytes).expect("with tags");
            if !(self.forgets_writes && self.random.one_in(8)) {
                self.media.insert(key, tag);
            }
        } else if let Some(tag) = self.media.get(&key) {
            self.memory.fill(at, BLOCK as u32, 1, *tag);
        } else {
            self.memory.set(at, BLOCK, 0);
        }
    }

    fn post(&mut self, ctrl: usize, n: usize) {
        let unit = &mut self.units[ctrl];
        let running = &unit.running[n];
        let Some(sq) = unit.sqs.get(&running.sqid) else { return };
        let Some(cq) = unit.cqs.get_mut(&sq.cqid) else { return };
        if cq.posted - cq.released >= u64::from(cq.entries) - 1 {
            return;
        }
        let (answer, _) = running.answer.as_ref().expect("it was decided");
        let sqhd = (sq.head % u64::from(sq.entries)) as u16;
        let cid: Cid = running.sqe.cid();
        let dnr = !answer.status.is_success() && self.random.one_in(2);
        let cqe = Cqe::new(answer.dw0, Qid(running.sqid), sqhd, cid, answer.status, dnr);
        let phase = (cq.posted / u64::from(cq.entries)).is_multiple_of(2);
        let slot = (cq.posted % u64::from(cq.entries)) as usize;
        cq.slots[slot] = cqe.with_phase(phase);
        cq.posted += 1;
        let status = answer.status;
        let done = unit.running.remove(n);
        if let Some(page) = done.page {
            unit.pages.insert(cid, page);
        }
        if done.clears {
            self.clear(ctrl);
        }
        self.note_completion(ctrl, done.sqid, &done.sqe, status);
    }
}

pub fn is_aer(running: &Running) -> bool {
    running.sqid == 0 && running.sqe.opcode() == admin::ASYNCHRONOUS_EVENT_REQUEST
}

/// What Identify Controller says; the host shows it from [`crate::commands::identify_controller`].
/// The features with values of one dword that the host asks for, and how many values each has.
pub const FEATURES: [(Fid, u32); 8] = [
    (Fid::ARBITRATION, 1),
    (Fid::POWER_MANAGEMENT, 1),
    (Fid::TEMPERATURE_THRESHOLD, 64),
    (Fid::ERROR_RECOVERY, 4),
    (Fid::INTERRUPT_COALESCING, 1),
    (Fid::INTERRUPT_VECTOR_CONFIGURATION, 8),
    (Fid::WRITE_ATOMICITY_NORMAL, 1),
    (Fid::ASYNCHRONOUS_EVENT_CONFIGURATION, 1),
];

/// Every value is 0 by default, except for what Identify says, and none can be saved.
fn make_features(controller: &mut Controller) {
    for (fid, count) in FEATURES {
        for of in 0..count {
            let default = match (fid, of) {
                (Fid::TEMPERATURE_THRESHOLD, 0) => 340,
                // The over threshold of sensor 1, which is there.
                (Fid::TEMPERATURE_THRESHOLD, 1) => 0xffff,
                _ => 0,
            };
            let specific = if fid == Fid::ERROR_RECOVERY { 0b010 } else { 0 };
            *controller.features.value_mut(fid, of) = Feature {
                current: Some(default),
                default: Some(default),
                capabilities: Some(0b100 | specific),
                ..Feature::default()
            };
        }
    }
}

pub fn claims(n: u16) -> ControllerClaims {
    ControllerClaims {
        vid: 0x1b36,
        cmic: 2,
        mdts: 1,
        cntlid: n,
        ver: 0x0002_0300,
        cntrltype: 1,
        acl: ACL,
        aerl: AERL,
        frmw: 2,
        lpa: 4,
        elpe: 3,
        sqes: 0x66,
        cqes: 0x44,
        nn: 4,
        oncs: 1 << 4,
        vwc: 7,
        wctemp: 340,
        cctemp: 350,
        ..Default::default()
    }
}
