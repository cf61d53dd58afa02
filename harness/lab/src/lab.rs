//! The lab: one test's view of a DUT.

use std::cell::RefCell;
use std::rc::Rc;

use dut::{Capabilities, Capability};
use log::random::Random;
use spec::Req;

use crate::action::{Action, ClaimOn, Seen};
use crate::core::Core;
use crate::ctl::Ctl;
use crate::prelude;
use crate::sequence::Start;
use crate::stop::{Outcome, Stop};

/// What a lab and its controller handles share.
pub(crate) type Shared<'d> = Rc<RefCell<Core<'d>>>;

/// One test's view of a DUT: a fresh subsystem, a story, a stream of random numbers.
pub struct Lab<'d> {
    pub(crate) core: Shared<'d>,
    pub(crate) random: Random,
    pub(crate) started: Option<Start>,
    pub(crate) snapshot: Option<Rc<prelude::Prelude>>,
    /// Where host memory ends that an earlier test has used.
    pub(crate) dirty_end: u64,
    /// Whether the run before this one used the memory of bring-up as its own.
    pub(crate) overlaid: bool,
}

impl<'d> Lab<'d> {
    /// Controller 0, reset, enabled and identified, with the number of queues set. Every such test starts
    /// from the same state; where the DUT can be rewound, bring-up is done and judged only once.
    pub fn enabled_controller(&mut self) -> Result<Ctl<'d>, Stop> {
        self.start(Start::Enabled)?;
        Ok(Ctl::new(Rc::clone(&self.core), 0))
    }

    /// Controller `n` as it is. If this is the first call of the test, all of them have just been reset.
    pub fn controller(&mut self, n: u8) -> Result<Ctl<'d>, Stop> {
        self.start(Start::Reset)?;
        let there = n < self.capabilities().controllers;
        let words = format!("{} controllers", n + 1);
        self.needs_transport(Capability::Controllers, there, &words)?;
        Ok(Ctl::new(Rc::clone(&self.core), n))
    }

    /// Begins the segment, unless it has begun.
    pub(crate) fn start(&mut self, start: Start) -> Outcome {
        if self.started.is_some() {
            return Ok(());
        }
        self.started = Some(start);
        prelude::begin(self, start)
    }

    /// Stops the test as not applicable, unless `holds`. `words` name what is needed.
    pub fn needs(&mut self, holds: bool, words: &str) -> Outcome {
        if holds {
            return Ok(());
        }
        Err(self.core.borrow_mut().not_applicable(words))
    }

    /// As [`Self::needs`], where the transport lacks what is needed and not the controller: the reason
    /// names the capability, so that two reports can be compared.
    pub fn needs_transport(&mut self, what: Capability, holds: bool, words: &str) -> Outcome {
        self.needs(holds, &what.reason(words))
    }

    /// Tells a line of the story: "Given ...", "When ...", "Then ...".
    pub fn note(&mut self, words: &str) -> Outcome {
        self.perform(&Action::Note(words.to_string())).map(|_| ())
    }

    /// Claims that a requirement was judged at least once.
    pub fn judged(&mut self, req: Req) -> Outcome {
        self.perform(&Action::Claim(ClaimOn::Judged(req))).map(|_| ())
    }

    /// Does one action.
    pub fn perform(&mut self, action: &Action) -> Result<Seen, Stop> {
        self.core.borrow_mut().perform(action)
    }

    /// What the transport can do.
    pub fn capabilities(&self) -> std::sync::Arc<Capabilities> {
        std::sync::Arc::clone(&self.core.borrow().caps)
    }

    /// An address at which the controllers have no memory, where the transport refuses what they do there.
    pub(crate) fn address_without_memory(&self) -> Option<u64> {
        let core = self.core.borrow();
        let end = core.arena.base().0 + core.arena.bytes();
        let refused = core.caps.dma != dut::DmaVisibility::Guarded;
        refused.then(|| end.next_multiple_of(1 << 24))
    }

    /// The test's own random numbers: they follow from the run's seed and the test's name.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    /// The time on the DUT's clock, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.core.borrow().dut.now()
    }

    /// Ends the segment: the audit, then the `End` record. Gives whether the audit ran to its end.
    pub fn finish(&mut self) -> bool {
        let started = self.start(Start::Reset);
        let mut core = self.core.borrow_mut();
        // The audit is the lab's own last step: a replay ends with one anyway.
        core.step += 1;
        core.hidden += 1;
        // What a test left in flight is let go: nothing could be read back otherwise.
        let held = core.host.hold.is_some_and(|hold| !hold.has_ended());
        let free = !held || core.perform(&Action::LetGo).is_ok();
        let audited = started.is_ok() && free && core.perform(&Action::Audit).is_ok();
        core.push_now(0, log::Body::End { audited });
        let core = &mut *core;
        core.judge.catch_up(&core.log);
        audited
    }
}
