//! The mutations: where each applies, and the change that it makes.
//!
//! Only observations are mutated. What the host did (submissions, doorbells, register writes, resets) is
//! input: another input is another run.

use std::fmt;

use log::random::Random;
use log::{Body, Record};

use crate::bases::Base;
use crate::change::Op;
use crate::{completions, data, others, registers};

/// What was mutated, and how: the key of tables and excuses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label {
    /// The kind of record.
    pub record: &'static str,
    /// The structure or register that holds the field; empty: the record itself.
    pub within: &'static str,
    /// The field.
    pub field: &'static str,
    /// The mutation.
    pub mutation: &'static str,
}

impl Label {
    /// The field with what holds it: `cap.mqes`.
    pub fn path(&self) -> String {
        match self.within {
            "" => self.field.to_string(),
            within => format!("{within}.{}", self.field),
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} / {} / {}", self.record, self.path(), self.mutation)
    }
}

/// A mutation at a place: the change is worked out when it is sampled.
#[derive(Clone, Copy)]
pub struct Site {
    /// Index of the trace.
    pub base: usize,
    /// Index of the record.
    pub at: usize,
    /// What is mutated, and how.
    pub label: Label,
    /// Works the change out; nothing if it does not apply here after all.
    pub make: Make,
    /// Where the field lies: lowest bit and width, or first byte and length.
    pub span: (u32, u32),
}

/// Works out the change of a mutation at record `at`, where the field lies in `span`.
pub type Make = fn(&Base, usize, (u32, u32), &mut Random) -> Option<Vec<Op>>;

/// Where sites are handed to.
pub struct Sink<'a> {
    base: usize,
    at: usize,
    record: &'static str,
    to: &'a mut dyn FnMut(Site),
}

impl Sink<'_> {
    /// A mutation of a field of the record itself.
    pub fn field(&mut self, field: &'static str, mutation: &'static str, make: Make) {
        self.within("", field, mutation, (0, 0), make);
    }

    /// A mutation of a field that lies within something.
    pub fn within(
        &mut self,
        within: &'static str,
        field: &'static str,
        mutation: &'static str,
        span: (u32, u32),
        make: Make,
    ) {
        let label = Label { record: self.record, within, field, mutation };
        (self.to)(Site { base: self.base, at: self.at, label, make, span });
    }
}

/// Every site of a trace.
pub fn sites(base: &Base, number: usize, to: &mut dyn FnMut(Site)) {
    // The judge does not go on after a claim that the test does not apply; nor is there one in a success.
    for (at, record) in base.log.records().iter().enumerate() {
        // Step 0 is bring-up, which is the same in many traces.
        if record.step == 0 && !base.with_bring_up {
            continue;
        }
        let Some(name) = name(record) else { continue };
        let mut sink = Sink { base: number, at, record: name, to };
        match record.body() {
            Body::Completion { .. } => completions::sites(base, at, &mut sink),
            Body::RegisterRead(read) => registers::sites(base, at, read, &mut sink),
            Body::FewBlocksSeen { .. } | Body::BlocksSeen { .. } => data::block_sites(&mut sink),
            Body::BytesSeen { payload, .. } => data::byte_sites(base, at, payload, &mut sink),
            _ => others::sites(record, &mut sink),
        }
    }
}

/// What an observation is called in tables; nothing for what the host did.
fn name(record: &Record) -> Option<&'static str> {
    Some(match record.body() {
        Body::Completion { .. } => "completion",
        Body::RegisterRead(_) => "register-read",
        Body::FewBlocksSeen { .. } | Body::BlocksSeen { .. } => "blocks-seen",
        Body::BytesSeen { .. } => "bytes-seen",
        Body::Interrupt { .. } => "interrupt",
        Body::Dma { .. } => "dma",
        Body::Sweep { .. } => "sweep",
        Body::EmptyLook(_) => "empty-look",
        Body::Idle => "idle",
        Body::MsixPending { .. } => "msix-pending",
        _ => return None,
    })
}
