//! The judge: takes records in order, holds the belief state, makes findings.

use std::sync::Arc;

use log::{Log, SubmitRef};
use spec::Req;

use crate::{Coverage, Finding, Profile, Verdict};

/// What the judge made of one command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ruled {
    /// It has not completed, or its ruling waits for others.
    Pending,
    /// Refused, and the refusal was judged by these checks; the first is named.
    Refused(Req),
    /// Accepted, and no check failed.
    Accepted,
    /// Judged otherwise (aborted, ambient, diverged).
    Other,
}

/// The judge of one segment. Cloning it is the snapshot of the prelude.
#[derive(Clone, Debug)]
pub struct Judge {
    profile: Arc<Profile>,
    next: u32,
    findings: Vec<Finding>,
    coverage: Coverage,
}

impl Judge {
    /// A judge that has seen nothing.
    pub fn new(profile: Arc<Profile>) -> Self {
        Self { profile, next: 0, findings: Vec::new(), coverage: Coverage::default() }
    }

    /// The profile it judges by.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Judges every record of `log` that it has not seen yet.
    pub fn catch_up(&mut self, log: &Log) {
        self.next = log.len() as u32;
    }

    /// What was found so far, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The counts so far.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What became of the command whose `Submit` is record `submit`.
    pub fn ruled(&self, submit: SubmitRef) -> Ruled {
        let _ = submit;
        Ruled::Pending
    }

    /// Whether the claim in record `record` was held true; `None` if it is no claim or not decided yet.
    pub fn claim_holds(&self, record: u32) -> Option<bool> {
        let _ = record;
        None
    }

    /// The verdict of the segment, after its `End` record.
    pub fn verdict(&self) -> Verdict {
        Verdict::Unproved("nothing was judged".into())
    }
}
