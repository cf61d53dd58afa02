//! Steps that are several in one, some with memory of the lab's own: enabling, disabling, a pair of queues.
//! The audit is made of the same parts.

use log::Perm;
use spec::command::{CreateIoCq, CreateIoSq, SetFeatures};
use spec::register::{self, Aqa, Cc, Csts};
use spec::{Addr, Cqe, Entries, Fid, Qid, Sqe};

use crate::action::{Action, Condition, Patience, Place, Seen, Word};
use crate::core::Core;
use crate::ctl::{ADMIN_ENTRIES, QUEUES_ASKED};
use crate::host::Fate;
use crate::stop::Stop;

impl Core<'_> {
    /// Does several actions that the sequence holds as one.
    fn as_one<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, Stop>) -> Result<T, Stop> {
        self.hidden += 1;
        let done = work(self);
        self.hidden -= 1;
        done
    }

    /// Enables a controller as bring-up does, and sets the number of queues.
    pub(crate) fn enable(&mut self, ctrl: u8) -> Result<Seen, Stop> {
        self.as_one(|core| {
            core.perform(&Action::ReadReg { ctrl, offset: register::CAP, width: 8 })?;
            let mpsmin = core.controller(ctrl).cap.map_or(0, |cap| cap.mpsmin());
            let entries = u64::from(ADMIN_ENTRIES.0);
            let asq = core.hidden_buffer(ctrl, 64 * entries, Perm::ToController)?;
            let acq = core.hidden_buffer(ctrl, 16 * entries, Perm::FromController)?;
            let z = (entries - 1) as u16;
            let aqa = Aqa::new().with_asqs_z(z).with_acqs_z(z).into_bits();
            let cc = Cc::new().with_en(true).with_mps(mpsmin).with_iosqes(6).with_iocqes(4);
            for (offset, width, value) in [
                (register::AQA, 4, u64::from(aqa)),
                (register::ASQ, 8, asq.0),
                (register::ACQ, 8, acq.0),
                (register::CC, 4, u64::from(cc.into_bits())),
            ] {
                let value = Word::Raw(value);
                core.perform(&Action::WriteReg { ctrl, offset, width, value })?;
            }
            let ready = u64::from(Csts::new().with_rdy(true).into_bits());
            let condition = Condition::Register(register::CSTS, 4, ready, ready);
            let patience = Patience::Default;
            if core.perform(&Action::Wait { ctrl, condition, patience })? != Seen::Met(true) {
                return Err(Stop::PatienceOver("CSTS.RDY = 1".into()));
            }
            let cdw11 = (QUEUES_ASKED - 1) << 16 | (QUEUES_ASKED - 1);
            let set = SetFeatures { fid: Fid::NUMBER_OF_QUEUES, cdw11, ..SetFeatures::default() };
            core.ask(ctrl, Qid::ADMIN, set.into())?;
            Ok(Seen::Met(true))
        })
    }

    /// Resets a controller by CC.EN = 0. Met once RDY = 0 was seen.
    pub(crate) fn disable(&mut self, ctrl: u8) -> Result<Seen, Stop> {
        self.as_one(|core| {
            let cc = core.controller(ctrl).cc.with_en(false).with_shn(0);
            let value = Word::Raw(cc.into_bits().into());
            core.perform(&Action::WriteReg { ctrl, offset: register::CC, width: 4, value })?;
            let ready = u64::from(Csts::new().with_rdy(true).into_bits());
            let condition = Condition::Register(register::CSTS, 4, ready, 0);
            core.perform(&Action::Wait { ctrl, condition, patience: Patience::Default })
        })
    }

    /// Creates an I/O CQ and an I/O SQ. Met if both were accepted.
    pub(crate) fn pair(&mut self, ctrl: u8, qid: Qid, entries: u16) -> Result<Seen, Stop> {
        self.as_one(|core| core.create_pair(ctrl, qid, entries)).map(Seen::Met)
    }

    pub(crate) fn create_pair(&mut self, ctrl: u8, qid: Qid, entries: u16) -> Result<bool, Stop> {
        let bytes = u64::from(entries);
        let entries = Entries(u32::from(entries));
        let prp1 = self.hidden_buffer(ctrl, 16 * bytes, Perm::FromController)?;
        let cq = CreateIoCq { prp1, qid, entries, pc: true, ..Default::default() };
        let prp1 = self.hidden_buffer(ctrl, 64 * bytes, Perm::ToController)?;
        let sq = CreateIoSq { prp1, qid, entries, pc: true, cqid: qid, ..Default::default() };
        for sqe in [cq.into(), sq.into()] {
            let answer = self.ask(ctrl, Qid::ADMIN, sqe)?;
            if !answer.is_some_and(|cqe| cqe.status().is_success()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One command of the lab's own: submit, ring, wait, release. `None` if it never completed.
    pub(crate) fn ask(&mut self, ctrl: u8, sqid: Qid, sqe: Sqe) -> Result<Option<Cqe>, Stop> {
        let id = self.next_command();
        let submit = self.submit_action(ctrl, sqid, sqe, None);
        self.perform(&submit)?;
        self.perform(&Action::Ring { ctrl, sqid })?;
        let (condition, patience) = (Condition::Completed(id), Patience::Default);
        self.perform(&Action::Wait { ctrl, condition, patience })?;
        self.release_all(ctrl)?;
        Ok(match self.command(id)?.fate {
            Fate::Completed(cqe) => Some(cqe),
            _ => None,
        })
    }

    /// A buffer of the lab's own: 0 for the controller to read, A5h for it to write over; queues are 0.
    pub(crate) fn hidden_buffer(&mut self, ctrl: u8, bytes: u64, perm: Perm) -> Result<Addr, Stop> {
        let id = self.next_buffer();
        let page = self.controller(ctrl).page_bytes() as u32;
        self.perform(&Action::Buffer { id, bytes, offset: 0, page, perm, fill: 0 })?;
        self.place(Place::In(id, 0))
    }
}
