//! Rounds of admin commands that change no queue: Identify, Get Log Page, Abort, what is not defined.

use log::Perm;
use spec::command::{Abort, GetLogPage, Identify};
use spec::{Bytes, Cid, Cns, Cntlid, Lid, Nsid, Qid, QueueKind, Sqe};

use super::plan::{Plan, Question};
use super::tables::{PAGES, STRUCTURES, undefined_opcodes};
use crate::action::{Action, Hazard, Links};
use crate::layout::Shape;

/// What a structure of Identify uses NSID for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NsidUse {
    /// Nothing.
    None,
    /// It names a namespace.
    Namespace,
    /// It names the identifier that a list begins after.
    After,
}

/// What NSID means for this CNS. Base-2.3 figure 326. `None`: not known here, so it is not sent.
pub(super) fn nsid_use(cns: Cns) -> Option<NsidUse> {
    Some(match cns {
        Cns::IDENTIFY_CONTROLLER | Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER => {
            NsidUse::None
        }
        Cns::IDENTIFY_NAMESPACE
        | Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST
        | Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE
        | Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE => NsidUse::Namespace,
        Cns::ACTIVE_NAMESPACE_ID_LIST | Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST => {
            NsidUse::After
        }
        _ => return None,
    })
}

impl Plan<'_> {
    /// One admin command, seldom two.
    pub(super) fn admin_round(&mut self, ctrl: u8) {
        match self.random.below(16) {
            0..4 => self.identify_round(ctrl),
            4..7 => self.log_round(ctrl),
            7..12 => self.feature_round(ctrl),
            12 => self.ask_again(ctrl, 2),
            13 => {
                let sqid = Qid(self.random.between(0, u64::from(self.options.io_queues)) as u16);
                self.admin(ctrl, Abort { sqid, cid: Cid(0xfff0) }, Links::default());
            }
            14 if self.options.consent >= Hazard::Irreversible => {
                let opcode = *self.random.pick(&undefined_opcodes(QueueKind::Admin));
                self.admin(ctrl, Sqe::new(opcode), Links::default());
            }
            _ => self.read_registers(ctrl),
        }
    }

    fn identify_round(&mut self, ctrl: u8) {
        if self.random.one_in(12) {
            let cns = Cns(*self.random.pick(&STRUCTURES.undefined));
            return self.ask(ctrl, &question(Identify { cns, ..Identify::default() }, 4096), false);
        }
        let cns = Cns(*self.random.pick(&STRUCTURES.modelled));
        let Some(means) = nsid_use(cns) else { return };
        let nn = self.options.nn;
        let good = match means {
            NsidUse::None => 0,
            NsidUse::Namespace => self.some_namespace().0,
            NsidUse::After => *self.random.pick(&[0, 0, 1, nn, nn.saturating_add(1)]),
        };
        let mut identify = Identify { nsid: Nsid(good), cns, ..Identify::default() };
        match self.random.below(6) {
            0 => {
                identify.nsid = match means {
                    NsidUse::None => Nsid(1),
                    NsidUse::Namespace => self.no_namespace(),
                    NsidUse::After => Nsid(*self.random.pick(&[u32::MAX - 1, u32::MAX])),
                }
            }
            // Zones, values that are reserved, and what is a vendor's.
            1 => identify.csi = *self.random.pick(&[0x02, 0x05, 0x2f, 0x40]),
            // Without use for these structures, which must not look at it from 2.0 on.
            2 if self.random.one_in(4) => identify.cntid = Cntlid(1),
            _ => return self.ask_and_keep(ctrl, question(identify, 4096)),
        }
        self.ask(ctrl, &question(identify, 4096), false);
    }

    fn log_round(&mut self, ctrl: u8) {
        if self.random.one_in(12) {
            let by_name = self.random.one_in(2);
            let codes = if by_name { &PAGES.by_name } else { &PAGES.undefined };
            let lid = Lid(*self.random.pick(codes));
            return self.ask(ctrl, &question(GetLogPage { lid, ..Default::default() }, 4), false);
        }
        let lid = Lid(*self.random.pick(&PAGES.modelled));
        let page = GetLogPage { lid, rae: self.random.one_in(2), ..GetLogPage::default() };
        // The whole of any page, parts, and more than a page has.
        let bytes = *self.random.pick(&[4, 64, 512, 1024, 4096, 4096, 8192, 12288, 16384]);
        let mut page = page.with_bytes(Bytes(bytes));
        match self.random.below(10) {
            0 => page.nsid = Nsid::BROADCAST,
            1 => page.nsid = self.some_namespace(),
            2 => page.lpo = 4 * self.random.between(1, 64),
            3 => page.lpo = 4 * self.random.between(1, 64) + self.random.between(1, 3),
            4 => page.lpo = *self.random.pick(&[512, 1024, 4096, 0x10_0000]),
            5 if self.random.one_in(4) => page.csi = *self.random.pick(&[0x02, 0x05, 0x40]),
            _ => return self.ask_and_keep(ctrl, question(page, bytes)),
        }
        self.ask(ctrl, &question(page, bytes), true);
    }

    /// The counters of data, resets and losses of power.
    pub(super) fn health_log(&mut self, ctrl: u8) {
        let page = GetLogPage { lid: Lid::SMART_HEALTH_INFORMATION, ..GetLogPage::default() };
        self.ask_and_keep(ctrl, question(page.with_bytes(Bytes(512)), 512));
    }

    /// Sends a command with a buffer for what it returns, which is looked at if it is a `good` one.
    pub(super) fn ask(&mut self, ctrl: u8, question: &Question, good: bool) {
        let Question { sqe, bytes } = *question;
        if bytes == 0 {
            self.admin(ctrl, sqe, Links::default());
            return;
        }
        let page = self.page_bytes(ctrl);
        let shape = match self.random.below(4) {
            0 => self.shape(4, bytes, page),
            1 => Shape { offset: (4 * self.random.below(page / 4)) as u32, ..Shape::default() },
            _ => Shape::default(),
        };
        // Identify takes no list, and so two pages that may lie apart.
        let list = sqe.opcode() == spec::opcode::admin::GET_LOG_PAGE;
        let shape = Shape { list_slots: shape.list_slots.filter(|_| list), ..shape };
        let kept = self.busy.len();
        let (links, pieces) = self.data(ctrl, bytes, Perm::FromController, shape);
        let buffers = self.busy.split_off(kept);
        self.admin(ctrl, sqe, links);
        if good {
            // Only in one piece is it what the command returned.
            if let [(at, len)] = pieces[..] {
                self.push(Action::Bytes { at, len });
            }
        }
        self.free(buffers.into_iter().map(|(_, id)| id).collect());
    }

    /// The same, and the question is asked again some time.
    pub(super) fn ask_and_keep(&mut self, ctrl: u8, question: Question) {
        self.ask(ctrl, &question, true);
        if !self.asked.contains(&question) {
            self.asked.push(question);
        }
    }

    /// Asks again what was asked before, of any controller: resets, shutdowns and losses of power come
    /// between, and what was set or counted is kept over them or is not.
    pub(super) fn ask_again(&mut self, ctrl: u8, most: u64) {
        for _ in 0..self.random.below(most + 1) {
            if !self.asked.is_empty() {
                let question = *self.random.pick(&self.asked);
                self.ask(ctrl, &question, true);
            }
        }
    }

    /// A namespace that is active, if there is one.
    pub(super) fn some_namespace(&mut self) -> Nsid {
        let nsids: Vec<u32> = self.options.namespaces.iter().map(|ns| ns.nsid).collect();
        Nsid(if nsids.is_empty() { 1 } else { *self.random.pick(&nsids) })
    }

    fn read_registers(&mut self, ctrl: u8) {
        use spec::register as r;
        let (offset, width) = *self.random.pick(&[
            (r::CAP, 8),
            (r::VS, 4),
            (r::CC, 4),
            (r::CSTS, 4),
            (r::AQA, 4),
            (r::ASQ, 8),
            (r::ACQ, 8),
        ]);
        self.push(Action::ReadReg { ctrl, offset, width });
    }
}

fn question(command: impl Into<Sqe>, bytes: u64) -> Question {
    Question { sqe: command.into(), bytes }
}
