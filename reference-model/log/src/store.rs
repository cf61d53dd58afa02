//! The log in memory: records and the payload area they point into.

use crate::record::{Body, Interval, Record};

/// A range of the payload area of the log that holds the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PayloadRef {
    /// First byte.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

/// One segment: the records of one test, and their payloads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Records that were forgotten: the index of the first that is kept.
    first: u32,
    /// Payload bytes that were forgotten.
    first_byte: u64,
    records: Vec<Record>,
    payload: Vec<u8>,
}

impl Log {
    /// An empty log that holds `records` records before it has to grow.
    pub fn with_capacity(records: usize) -> Self {
        Self {
            records: Vec::with_capacity(records),
            payload: Vec::with_capacity(records * 16),
            ..Self::default()
        }
    }

    /// From the parts of a trace.
    pub fn from_parts(records: Vec<Record>, payload: Vec<u8>) -> Self {
        Self { records, payload, ..Self::default() }
    }

    /// Appends a record and returns its index.
    #[inline(always)]
    pub fn push(&mut self, ctrl: u8, step: u16, when: Interval, body: Body) -> u32 {
        let index = self.first + self.records.len() as u32;
        self.records.push(Record::new(ctrl, step, when, body));
        index
    }

    /// Puts bytes into the payload area.
    pub fn store(&mut self, bytes: &[u8]) -> PayloadRef {
        let offset = self.first_byte + self.payload.len() as u64;
        self.payload.extend_from_slice(bytes);
        PayloadRef { offset, len: bytes.len() as u64 }
    }

    /// Makes room for `len` bytes in the payload area, to be filled in place.
    pub fn store_in_place(&mut self, len: usize) -> (PayloadRef, &mut [u8]) {
        let (from, offset) = (self.payload.len(), self.first_byte + self.payload.len() as u64);
        self.payload.resize(from + len, 0);
        (PayloadRef { offset, len: len as u64 }, &mut self.payload[from..])
    }

    /// The bytes that `payload` names; empty if it lies outside (a foreign or damaged trace).
    pub fn payload(&self, payload: PayloadRef) -> &[u8] {
        let kept = payload.offset.checked_sub(self.first_byte);
        kept.and_then(|from| Some(from as usize..from.checked_add(payload.len)? as usize))
            .and_then(|range| self.payload.get(range))
            .unwrap_or(&[])
    }

    /// The payload as text, for notes, deaths and refusals.
    pub fn text(&self, payload: PayloadRef) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.payload(payload))
    }

    /// All records that are kept: those from [`Self::first`] on.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The index of the first record that is kept; 0 unless [`Self::forget`] was called.
    pub fn first(&self) -> u32 {
        self.first
    }

    /// The records before record `index`, as far as they are kept.
    pub fn before(&self, index: u32) -> &[Record] {
        let count = index.saturating_sub(self.first) as usize;
        &self.records[..count.min(self.records.len())]
    }

    /// Forgets what is there, for one who follows a log that has no end. Indices go on.
    pub fn forget(&mut self) {
        self.first += self.records.len() as u32;
        self.first_byte += self.payload.len() as u64;
        self.records.clear();
        self.payload.clear();
    }

    /// All records, to be changed: for log mutation.
    pub fn records_mut(&mut self) -> &mut Vec<Record> {
        &mut self.records
    }

    /// The payload area.
    pub fn payload_area(&self) -> &[u8] {
        &self.payload
    }

    /// The payload area, to be changed: for log mutation.
    pub fn payload_area_mut(&mut self) -> &mut Vec<u8> {
        &mut self.payload
    }

    /// How many records there are, those included that were forgotten.
    pub fn len(&self) -> usize {
        self.first as usize + self.records.len()
    }

    /// Whether there never was a record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the content of another log over, into the memory that this one has.
    pub fn copy_from(&mut self, other: &Log) {
        let Log { first, first_byte, records, payload } = other;
        (self.first, self.first_byte) = (*first, *first_byte);
        self.records.clone_from(records);
        self.payload.clone_from(payload);
    }

    /// Cuts the log back to an earlier length (bring-up that several tests share).
    pub fn truncate(&mut self, records: usize, payload: usize) {
        self.records.truncate(records);
        self.payload.truncate(payload);
    }
}
