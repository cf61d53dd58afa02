//! A controller handle: the friendly calls of a test. Each is sugar over [`Action`]s.

use std::rc::Rc;

use log::ResetKind;
use spec::command::{
    Abort, AsyncEventRequest, CreateIoCq, CreateIoSq, DeleteIoCq, DeleteIoSq, GetFeatures,
    Identify, SetFeatures,
};
use spec::register::{self, Cap, Cc, Csts, DoorbellKind};
use spec::{Addr, Cid, Cns, Entries, Fid, Nsid, Qid, Sqe, Version};

use crate::action::{Action, ClaimOn, CommandId, Condition, Patience, Place, Seen, Word};
use crate::answer::{Answer, Pending};
use crate::buffer::Buffer;
use crate::host::{ControllerFacts, Fate, NamespaceFacts};
use crate::lab::Shared;
use crate::stop::{Outcome, Stop};

/// How the host asks for a shutdown (CC.SHN).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// A normal shutdown (01b).
    Normal,
    /// An abrupt shutdown (10b).
    Abrupt,
}

/// Entries of the admin queues that [`Ctl::enable`] makes.
pub const ADMIN_ENTRIES: Entries = Entries(32);
/// How many I/O queues of each kind bring-up asks for.
pub const QUEUES_ASKED: u32 = 16;

/// A controller, as its host driver sees it. A handle: cheap to clone, used beside the lab.
#[derive(Clone)]
pub struct Ctl<'d> {
    pub(crate) core: Shared<'d>,
    pub(crate) ctrl: u8,
}

impl<'d> Ctl<'d> {
    pub(crate) fn new(core: Shared<'d>, ctrl: u8) -> Self {
        Self { core, ctrl }
    }

    /// Its index in the DUT's list of functions.
    pub fn index(&self) -> u8 {
        self.ctrl
    }

    /// Does one action.
    pub fn perform(&mut self, action: &Action) -> Result<Seen, Stop> {
        self.core.borrow_mut().perform(action)
    }

    // ---- registers

    /// Reads a register: byte offset in BAR 0, width in bytes.
    pub fn read(&mut self, offset: u32, width: u8) -> Result<u64, Stop> {
        let seen = self.perform(&Action::ReadReg { ctrl: self.ctrl, offset, width })?;
        Ok(if let Seen::Value(value) = seen { value } else { 0 })
    }

    /// Writes a register: byte offset in BAR 0, width in bytes.
    pub fn write(&mut self, offset: u32, width: u8, value: u64) -> Outcome {
        let value = Word::Raw(value);
        self.perform(&Action::WriteReg { ctrl: self.ctrl, offset, width, value }).map(|_| ())
    }

    /// Controller Capabilities, read now: in one access where the transport can, else in two.
    pub fn cap(&mut self) -> Result<Cap, Stop> {
        if self.core.borrow().caps.wide_access {
            return self.read(register::CAP, 8).map(Cap::from);
        }
        let low = self.read(register::CAP, 4)?;
        let high = self.read(register::CAP + 4, 4)?;
        let cap = Cap::from(low | high << 32);
        self.core.borrow_mut().host.controllers[usize::from(self.ctrl)].cap = Some(cap);
        Ok(cap)
    }

    /// Version, read now.
    pub fn vs(&mut self) -> Result<Version, Stop> {
        self.read(register::VS, 4).map(|vs| Version::from_raw(vs as u32))
    }

    /// Controller Configuration, read now.
    pub fn cc(&mut self) -> Result<Cc, Stop> {
        self.read(register::CC, 4).map(|cc| Cc::from(cc as u32))
    }

    /// Controller Status, read now.
    pub fn csts(&mut self) -> Result<Csts, Stop> {
        self.read(register::CSTS, 4).map(|csts| Csts::from(csts as u32))
    }

    /// Waits until a register, masked, holds a value. False if the patience was over first.
    pub fn wait_for(
        &mut self,
        offset: u32,
        width: u8,
        mask: u64,
        value: u64,
    ) -> Result<bool, Stop> {
        let condition = Condition::Register(offset, width, mask, value);
        self.wait_on(condition, Patience::Default)
    }

    fn wait_on(&mut self, condition: Condition, patience: Patience) -> Result<bool, Stop> {
        let action = Action::Wait { ctrl: self.ctrl, condition, patience };
        Ok(self.perform(&action)? == Seen::Met(true))
    }

    /// Memory page size in bytes: the one set, or the one that [`Self::enable`] will set.
    pub fn page_bytes(&self) -> u64 {
        self.core.borrow().controller(self.ctrl).page_bytes()
    }

    // ---- the controller's life

    /// Enables the controller: admin queues of [`ADMIN_ENTRIES`], the smallest memory page, the NVM
    /// command set. Waits until CSTS.RDY = 1.
    pub fn enable(&mut self) -> Outcome {
        self.enable_with(ADMIN_ENTRIES, ADMIN_ENTRIES)
    }

    /// As [`Self::enable`], with admin queues of these sizes.
    pub fn enable_with(&mut self, sq: Entries, cq: Entries) -> Outcome {
        let cap = self.cap()?;
        self.vs()?;
        self.csts()?;
        let page = 4096 << cap.mpsmin();
        let asq = self.queue_buffer(u64::from(sq.0) * 64, log::Perm::ToController, page)?;
        let acq = self.queue_buffer(u64::from(cq.0) * 16, log::Perm::FromController, page)?;
        let aqa =
            register::Aqa::new().with_asqs_z((sq.0 - 1) as u16).with_acqs_z((cq.0 - 1) as u16);
        self.write(register::AQA, 4, u64::from(aqa.into_bits()))?;
        self.write_address(register::ASQ, &asq)?;
        self.write_address(register::ACQ, &acq)?;
        let cc = Cc::new().with_en(true).with_mps(cap.mpsmin()).with_iosqes(6).with_iocqes(4);
        self.write(register::CC, 4, u64::from(cc.into_bits()))?;
        self.until_ready(true)
    }

    fn write_address(&mut self, offset: u32, buffer: &Buffer) -> Outcome {
        if self.core.borrow().caps.wide_access {
            let value = Word::At(buffer.id, 0);
            let action = Action::WriteReg { ctrl: self.ctrl, offset, width: 8, value };
            return self.perform(&action).map(|_| ());
        }
        self.write(offset, 4, buffer.at.0 & 0xffff_ffff)?;
        self.write(offset + 4, 4, buffer.at.0 >> 32)
    }

    /// Clears CC.EN (a controller reset) and waits until CSTS.RDY = 0.
    pub fn disable(&mut self) -> Outcome {
        let cc = self.core.borrow().controller(self.ctrl).cc;
        self.write(register::CC, 4, u64::from(cc.with_en(false).with_shn(0).into_bits()))?;
        self.until_ready(false)
    }

    fn until_ready(&mut self, ready: bool) -> Outcome {
        if self.wait_for(register::CSTS, 4, 1, u64::from(ready))? {
            return Ok(());
        }
        Err(Stop::PatienceOver(format!("CSTS.RDY = {}", u8::from(ready))))
    }

    /// Asks for a shutdown by CC.SHN and waits until CSTS.SHST = 10b.
    pub fn shutdown(&mut self, kind: Shutdown) -> Outcome {
        self.ask_shutdown(kind)?;
        let done = Csts::new().with_shst(2).into_bits();
        let mask = Csts::new().with_shst(3).into_bits();
        if self.wait_for(register::CSTS, 4, u64::from(mask), u64::from(done))? {
            return Ok(());
        }
        Err(Stop::PatienceOver("CSTS.SHST = 10b".into()))
    }

    /// Asks for a shutdown by CC.SHN, without waiting.
    pub fn ask_shutdown(&mut self, kind: Shutdown) -> Outcome {
        let cc = self.core.borrow().controller(self.ctrl).cc;
        let shn = if kind == Shutdown::Normal { 1 } else { 2 };
        self.write(register::CC, 4, u64::from(cc.with_shn(shn).into_bits()))
    }

    /// Resets the controller: by CC.EN, or by other means of the transport.
    pub fn reset(&mut self, kind: ResetKind) -> Outcome {
        if kind == ResetKind::Controller {
            return self.disable();
        }
        self.perform(&Action::Reset { ctrl: self.ctrl, kind }).map(|_| ())
    }

    /// Identifies the controller and its active namespaces, and sets the number of queues.
    pub fn identify(&mut self) -> Outcome {
        self.identify_with(Identify { cns: Cns::IDENTIFY_CONTROLLER, ..Identify::default() })?
            .identify_controller()?;
        let list = Identify { cns: Cns::ACTIVE_NAMESPACE_ID_LIST, ..Identify::default() };
        let active = self.identify_with(list)?;
        if active.status().is_success() {
            for nsid in active.namespace_list()?.iter().take(8) {
                let answer = self.identify_with(Identify { nsid, ..Identify::default() })?;
                if answer.status().is_success() {
                    answer.identify_namespace()?;
                }
            }
        }
        self.ask_queues(QUEUES_ASKED, QUEUES_ASKED).map(|_| ())
    }

    /// Set Features (Number of Queues): asks for so many I/O SQs and I/O CQs.
    pub fn ask_queues(&mut self, sqs: u32, cqs: u32) -> Result<Answer<'d>, Stop> {
        let cdw11 = (cqs - 1) << 16 | (sqs - 1);
        self.admin(SetFeatures { fid: Fid::NUMBER_OF_QUEUES, cdw11, ..SetFeatures::default() })
    }

    /// How many I/O Submission Queues were granted; 0 before Set Features (Number of Queues).
    pub fn granted_io_sqs(&self) -> u16 {
        self.core.borrow().controller(self.ctrl).granted.map_or(0, |(sqs, _)| sqs)
    }

    /// How many I/O Completion Queues were granted; 0 before Set Features (Number of Queues).
    pub fn granted_io_cqs(&self) -> u16 {
        self.core.borrow().controller(self.ctrl).granted.map_or(0, |(_, cqs)| cqs)
    }

    /// What Identify Controller told, if it was asked.
    pub fn facts(&self) -> Option<ControllerFacts> {
        self.core.borrow().controller(self.ctrl).facts
    }

    /// What Identify Namespace told of this namespace, if it was asked and is active.
    pub fn namespace(&self, nsid: Nsid) -> Option<NamespaceFacts> {
        self.core.borrow().host.namespace(nsid.0).copied()
    }

    /// The active namespaces that were identified, ascending.
    pub fn namespaces(&self) -> Vec<NamespaceFacts> {
        self.core.borrow().host.namespaces.clone()
    }

    /// The largest number of entries of an I/O queue (CAP.MQES).
    pub fn queue_entries_max(&self) -> Entries {
        Entries(self.core.borrow().controller(self.ctrl).queue_entries_max())
    }

    // ---- queues

    /// A good Create I/O Submission Queue: memory allocated, 64 entries (or CAP.MQES if that is less).
    pub fn io_sq(&mut self, qid: Qid, cqid: Qid) -> Result<CreateIoSq, Stop> {
        let entries = Entries(self.queue_entries_max().0.min(64));
        self.io_sq_of(qid, cqid, entries)
    }

    /// As [`Self::io_sq`], of this many entries.
    pub fn io_sq_of(&mut self, qid: Qid, cqid: Qid, entries: Entries) -> Result<CreateIoSq, Stop> {
        let prp1 = self.queue_memory(u64::from(entries.0) * 64, log::Perm::ToController)?;
        Ok(CreateIoSq { prp1, qid, entries, pc: true, cqid, ..Default::default() })
    }

    /// A good Create I/O Completion Queue of this many entries, without interrupts: memory allocated.
    pub fn io_cq(&mut self, qid: Qid, entries: Entries) -> Result<CreateIoCq, Stop> {
        let prp1 = self.queue_memory(u64::from(entries.0) * 16, log::Perm::FromController)?;
        Ok(CreateIoCq { prp1, qid, entries, pc: true, ..Default::default() })
    }

    fn queue_memory(&mut self, bytes: u64, perm: log::Perm) -> Result<Addr, Stop> {
        let page = self.page_bytes();
        self.queue_buffer(bytes, perm, page).map(|memory| memory.at)
    }

    /// A queue that is to be created needs CAP.MQES and the grant to allow it.
    fn needs_queue(&self, qid: Qid, entries: Entries, granted: u16) -> Outcome {
        let mut core = self.core.borrow_mut();
        if entries.0 > core.controller(self.ctrl).queue_entries_max() {
            return Err(
                core.not_applicable(&format!("I/O queues of {} entries (CAP.MQES)", entries.0))
            );
        }
        if granted != 0 && qid.0 > granted {
            return Err(core.not_applicable(&format!("an I/O queue with the identifier {qid}")));
        }
        Ok(())
    }

    /// Creates I/O Completion Queue `qid`, and claims that this was accepted. Not applicable where the
    /// controller has no such queue.
    pub fn create_io_cq(&mut self, qid: Qid, entries: Entries) -> Outcome {
        self.needs_queue(qid, entries, self.granted_io_cqs())?;
        let command = self.io_cq(qid, entries)?;
        self.admin(command)?.accepted()
    }

    /// Creates I/O Submission Queue `qid`, bound to `cqid`, and claims that this was accepted. Not
    /// applicable where the controller has no such queue.
    pub fn create_io_sq(&mut self, qid: Qid, cqid: Qid, entries: Entries) -> Outcome {
        self.needs_queue(qid, entries, self.granted_io_sqs())?;
        let command = self.io_sq_of(qid, cqid, entries)?;
        self.admin(command)?.accepted()
    }

    /// Creates a pair of I/O queues, both `qid`.
    pub fn io_pair(&mut self, qid: Qid, entries: Entries) -> Outcome {
        self.create_io_cq(qid, entries)?;
        self.create_io_sq(qid, qid, entries)
    }

    /// Delete I/O Submission Queue.
    pub fn delete_io_sq(&mut self, qid: Qid) -> Result<Answer<'d>, Stop> {
        self.admin(DeleteIoSq { qid })
    }

    /// Delete I/O Completion Queue.
    pub fn delete_io_cq(&mut self, qid: Qid) -> Result<Answer<'d>, Stop> {
        self.admin(DeleteIoCq { qid })
    }

    // ---- commands

    /// Sends an admin command and waits for its completion: submit, ring, wait, release.
    pub fn admin(&mut self, command: impl Into<Sqe>) -> Result<Answer<'d>, Stop> {
        self.io(Qid::ADMIN, command)
    }

    /// Sends a command to queue `qid` and waits for its completion: submit, ring, wait, release.
    pub fn io(&mut self, qid: Qid, command: impl Into<Sqe>) -> Result<Answer<'d>, Stop> {
        let pending = self.submit(qid, command)?;
        self.ring(qid)?;
        self.answer(pending)
    }

    /// Puts a command into the tail slot of queue `qid`. The controller does not see it yet.
    pub fn submit(&mut self, qid: Qid, command: impl Into<Sqe>) -> Result<Pending, Stop> {
        self.submit_linked(qid, command.into(), None)
    }

    /// As [`Self::submit`], with a command identifier of the test's own.
    pub fn submit_as(
        &mut self,
        qid: Qid,
        cid: Cid,
        command: impl Into<Sqe>,
    ) -> Result<Pending, Stop> {
        self.submit_linked(qid, command.into(), Some(cid))
    }

    fn submit_linked(&mut self, sqid: Qid, sqe: Sqe, cid: Option<Cid>) -> Result<Pending, Stop> {
        let mut core = self.core.borrow_mut();
        let id = core.next_command();
        let action = core.submit_action(self.ctrl, sqid, sqe, cid);
        core.perform(&action)?;
        let cid = core.command(id)?.cid();
        Ok(Pending { id, sqid, cid })
    }

    /// Changes one dword of a submitted SQE in its slot.
    pub fn edit(&mut self, pending: Pending, dword: u8, value: u32) -> Outcome {
        self.perform(&Action::Edit { id: pending.id, dword, value }).map(|_| ())
    }

    /// Writes the tail doorbell of queue `qid`.
    pub fn ring(&mut self, qid: Qid) -> Outcome {
        self.perform(&Action::Ring { ctrl: self.ctrl, sqid: qid }).map(|_| ())
    }

    /// Writes the tail doorbell of every queue with new entries, in one send.
    pub fn ring_all(&mut self) -> Outcome {
        self.perform(&Action::RingAll { ctrl: self.ctrl }).map(|_| ())
    }

    /// Writes any value to any doorbell.
    pub fn doorbell(&mut self, kind: DoorbellKind, qid: Qid, value: u32) -> Outcome {
        self.perform(&Action::Doorbell { ctrl: self.ctrl, kind, qid, value }).map(|_| ())
    }

    /// Looks once at the head of completion queue `cqid`.
    pub fn look(&mut self, cqid: Qid) -> Result<Option<spec::Cqe>, Stop> {
        let seen = self.perform(&Action::Look { ctrl: self.ctrl, cqid })?;
        Ok(if let Seen::Completion(cqe) = seen { Some(cqe) } else { None })
    }

    /// Waits for the completion of a command. False if the patience was over first.
    pub fn wait(&mut self, pending: Pending, patience: Patience) -> Result<bool, Stop> {
        self.wait_on(Condition::Completed(pending.id), patience)
    }

    /// Waits until every command that owes a completion has one. False if the patience was over first.
    pub fn wait_all(&mut self) -> Result<bool, Stop> {
        self.wait_on(Condition::AllCompleted, Patience::Default)
    }

    /// Waits until the DUT is idle, or was quiet for `patience`.
    pub fn wait_idle(&mut self, patience: Patience) -> Outcome {
        self.wait_on(Condition::Idle, patience).map(|_| ())
    }

    /// Gives the seen slots of completion queue `cqid` back, after another look at them.
    pub fn release(&mut self, cqid: Qid) -> Outcome {
        self.perform(&Action::Release { ctrl: self.ctrl, cqid }).map(|_| ())
    }

    /// Waits for the completion of a command, and releases its slot.
    pub fn answer(&mut self, pending: Pending) -> Result<Answer<'d>, Stop> {
        if !self.wait(pending, Patience::Default)? {
            return Err(Stop::PatienceOver(format!("the completion of {}", pending.id)));
        }
        let cqid = self.core.borrow().controller(self.ctrl).sq(pending.sqid).map(|sq| sq.cqid);
        if let Some(cqid) = cqid
            && self.core.borrow().controller(self.ctrl).cq(cqid).is_some()
        {
            self.release(cqid)?;
        }
        self.seen_answer(pending.id).ok_or_else(|| {
            self.core.borrow_mut().harness(&format!("command {} was lost", pending.id))
        })
    }

    /// The answer to a command whose completion was seen already.
    pub fn seen_answer(&self, id: CommandId) -> Option<Answer<'d>> {
        let fate = self.core.borrow().host.commands.get(id.0)?.fate;
        let Fate::Completed(cqe) = fate else { return None };
        Some(Answer { core: Rc::clone(&self.core), id, cqe, data: None })
    }

    /// Whether no completion of the command was seen yet.
    pub fn is_in_flight(&self, pending: Pending) -> bool {
        let core = self.core.borrow();
        core.host.commands.get(pending.id.0).is_some_and(|command| command.is_in_flight())
    }

    /// Claims that the command is submitted and not completed at this moment.
    pub fn claim_in_flight(&mut self, pending: Pending) -> Outcome {
        self.perform(&Action::Claim(ClaimOn::InFlight(pending.id))).map(|_| ())
    }

    /// An Abort of this command.
    pub fn abort(&self, pending: Pending) -> Abort {
        Abort { sqid: pending.sqid, cid: pending.cid }
    }

    /// Submits and rings an Asynchronous Event Request; its completion comes with an event.
    pub fn request_event(&mut self) -> Result<Pending, Stop> {
        let pending = self.submit(Qid::ADMIN, AsyncEventRequest::default())?;
        self.ring(Qid::ADMIN)?;
        Ok(pending)
    }

    /// Sends an admin command that returns `bytes` of data, into a new buffer at its PRPs.
    pub fn admin_in(&mut self, command: impl Into<Sqe>, bytes: u64) -> Result<Answer<'d>, Stop> {
        let data = self.destination(bytes)?;
        let sqe = command.into().with_prps(data.at, Addr(0));
        let second = data.at.page_base(self.page_bytes()) + self.page_bytes();
        let beyond = data.at.0 + bytes > second;
        let sqe = if beyond { sqe.with_prps(data.at, Addr(second)) } else { sqe };
        let answer = self.admin(sqe)?;
        Ok(Answer { data: Some(data.id), ..answer })
    }

    /// Sends an Identify command; its PRPs are the lab's.
    pub fn identify_with(&mut self, command: Identify) -> Result<Answer<'d>, Stop> {
        self.admin_in(command, 4096)
    }

    /// Get Features without data.
    pub fn get_feature(&mut self, fid: Fid) -> Result<Answer<'d>, Stop> {
        self.admin(GetFeatures { fid, ..GetFeatures::default() })
    }

    // ---- interrupts

    /// Turns MSI-X on with so many vectors (0 turns it off).
    pub fn msix_enable(&mut self, vectors: u16) -> Outcome {
        self.perform(&Action::MsixEnable { ctrl: self.ctrl, vectors }).map(|_| ())
    }

    /// Masks or unmasks a vector.
    pub fn msix_mask(&mut self, vector: u16, masked: bool) -> Outcome {
        self.perform(&Action::MsixMask { ctrl: self.ctrl, vector, masked }).map(|_| ())
    }

    /// Reads the pending bit of a vector.
    pub fn msix_pending(&mut self, vector: u16) -> Result<bool, Stop> {
        let seen = self.perform(&Action::MsixPending { ctrl: self.ctrl, vector })?;
        Ok(seen == Seen::Value(1))
    }

    /// Waits for a message of a vector. False if the patience was over first.
    pub fn wait_interrupt(&mut self, vector: u16, patience: Patience) -> Result<bool, Stop> {
        self.wait_on(Condition::Interrupt(vector), patience)
    }

    /// Looks for interrupts now; how many messages were seen and not waited for.
    pub fn interrupts(&mut self) -> Result<u64, Stop> {
        let seen = self.perform(&Action::Irq { ctrl: self.ctrl })?;
        Ok(if let Seen::Value(count) = seen { count } else { 0 })
    }

    // ---- commands held in flight

    /// From here on commands that need the media of a namespace stay in flight; without a transport that can
    /// hold them the test is not applicable.
    pub fn hold(&mut self) -> Outcome {
        self.perform(&Action::Hold).map(|_| ())
    }

    /// Waits until so many accesses to the media are held, or as many as the DUT takes at a time, and
    /// claims of `commands` that they are in flight: the race that a test is about has been reached.
    pub fn await_held(&mut self, commands: &[Pending]) -> Outcome {
        let count = commands.len() as u32;
        // How many commands a controller fetches before the first of them completes is its own
        // choice: the rest waits in the submission queue and is in flight all the same.
        let all = self.wait_on(Condition::Held(count), Patience::Default)?;
        if !all && self.core.borrow_mut().dut.held() == 0 {
            return Err(Stop::PatienceOver(format!("{count} commands held in flight")));
        }
        let mut claims = commands.iter().map(|pending| ClaimOn::InFlight(pending.id));
        claims.try_for_each(|claim| self.perform(&Action::Claim(claim)).map(|_| ()))
    }

    /// What is held goes on.
    pub fn let_go(&mut self) -> Outcome {
        self.perform(&Action::LetGo).map(|_| ())
    }

    // ---- bytes

    /// Writes bytes into memory.
    pub fn host_write(&mut self, at: Place, bytes: &[u8]) -> Outcome {
        self.perform(&Action::HostWrite { at, bytes: bytes.to_vec() }).map(|_| ())
    }

    /// Looks at bytes in memory.
    pub fn see_bytes(&mut self, at: Place, len: u64) -> Result<Vec<u8>, Stop> {
        let seen = self.perform(&Action::Bytes { at, len })?;
        Ok(if let Seen::Bytes(bytes) = seen { bytes } else { Vec::new() })
    }

    /// Sweeps the guard bytes of all buffers; how many had changed.
    pub fn sweep(&mut self) -> Result<u64, Stop> {
        let seen = self.perform(&Action::Sweep)?;
        Ok(if let Seen::Changed(count) = seen { count } else { 0 })
    }
}
