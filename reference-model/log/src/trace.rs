//! The trace file: a header, then the log's records and payload as they stand in memory.
//!
//! ```text
//! offset  bytes
//!      0     8  "LOCKSTEP"
//!      8     4  version of the file and record format (little-endian, as all numbers here)
//!     12     4  0
//!     16     8  length of the header text
//!     24     8  length of the sequence text
//!     32     8  number of records, 96 bytes each
//!     40     8  length of the payload area
//!     48     -  header text (JSON), sequence text, records, payload, one after the other
//!   last     8  checksum of everything before it
//! ```
//!
//! The header says who was tested, how and by which profile; the sequence says what the host meant to
//! do. Both are text to this crate. A reader needs the log alone to judge.

use std::fmt;

use zerocopy::{FromBytes, IntoBytes};

use crate::{Log, Record};

/// Version of the record format. Raised whenever a record's meaning changes.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"LOCKSTEP";
const FIXED_BYTES: usize = 48;
const CHECKSUM_BYTES: usize = 8;

/// A trace: one segment, with what is needed to judge and to replay it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Trace {
    /// Who was tested, how, and by which profile: JSON.
    pub header: String,
    /// What the host did, in the text form of a sequence; empty if it is not known.
    pub sequence: String,
    /// What was done and seen.
    pub log: Log,
}

/// Why bytes are no trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TraceError {
    /// They do not begin as a trace does.
    Foreign,
    /// They are a trace of another version: found.
    Version(u32),
    /// They end too early: bytes wanted, bytes there.
    Truncated {
        /// How many bytes the file must have at least.
        wanted: u64,
        /// How many it has.
        there: u64,
    },
    /// They go on after the end of the trace: this many bytes.
    TooLong(u64),
    /// The checksum does not agree: some byte was changed.
    Damaged,
    /// This part is not UTF-8.
    NotText(&'static str),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a lockstep trace: it does not begin with LOCKSTEP"),
            Self::Version(found) => {
                write!(f, "a trace of format version {found}; this program reads version {FORMAT}")
            }
            Self::Truncated { wanted, there } => {
                write!(f, "truncated: {there} bytes of at least {wanted}")
            }
            Self::TooLong(rest) => write!(f, "{rest} bytes too many after the end of the trace"),
            Self::Damaged => f.write_str("damaged: the checksum does not agree"),
            Self::NotText(part) => write!(f, "damaged: the {part} is not UTF-8 text"),
        }
    }
}

impl std::error::Error for TraceError {}

impl Trace {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let records = self.log.records().as_bytes();
        let payload = self.log.payload_area();
        let parts = [self.header.as_bytes(), self.sequence.as_bytes(), records, payload];
        let all: usize = parts.iter().map(|part| part.len()).sum();
        let mut bytes = Vec::with_capacity(FIXED_BYTES + all + CHECKSUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let lengths =
            [self.header.len(), self.sequence.len(), self.log.records().len(), payload.len()];
        for length in lengths {
            bytes.extend_from_slice(&(length as u64).to_le_bytes());
        }
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        let sum = checksum(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The trace that the bytes of a file hold.
    ///
    /// # Errors
    /// If they are no trace, of another version, cut short, too long, or changed.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TraceError> {
        let there = bytes.len() as u64;
        if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) || bytes.is_empty() {
            return Err(TraceError::Foreign);
        }
        let least = (FIXED_BYTES + CHECKSUM_BYTES) as u64;
        if bytes.len() < 12 {
            return Err(TraceError::Truncated { wanted: least, there });
        }
        let version = u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]);
        if version != FORMAT {
            return Err(TraceError::Version(version));
        }
        if there < least {
            return Err(TraceError::Truncated { wanted: least, there });
        }
        let [header, sequence, records, payload] = lengths(bytes);
        let record_bytes = records.saturating_mul(size_of::<Record>() as u64);
        let wanted = [header, sequence, record_bytes, payload]
            .iter()
            .fold(least, |sum, part| sum.saturating_add(*part));
        if wanted > there {
            return Err(TraceError::Truncated { wanted, there });
        }
        if wanted < there {
            return Err(TraceError::TooLong(there - wanted));
        }
        let (body, sum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if checksum(body).to_le_bytes() != sum {
            return Err(TraceError::Damaged);
        }
        Self::from_parts(&body[FIXED_BYTES..], header as usize, sequence as usize, record_bytes)
    }

    fn from_parts(
        body: &[u8],
        header: usize,
        sequence: usize,
        record_bytes: u64,
    ) -> Result<Self, TraceError> {
        let (header, rest) = body.split_at(header);
        let (sequence, rest) = rest.split_at(sequence);
        let (records, payload) = rest.split_at(record_bytes as usize);
        let text = |part: &[u8], name| {
            String::from_utf8(part.to_vec()).map_err(|_| TraceError::NotText(name))
        };
        let records = records
            .chunks_exact(size_of::<Record>())
            .map(|bytes| Record::read_from_bytes(bytes).expect("chunks of a record's size"))
            .collect();
        Ok(Self {
            header: text(header, "header")?,
            sequence: text(sequence, "sequence")?,
            log: Log::from_parts(records, payload.to_vec()),
        })
    }
}

fn lengths(bytes: &[u8]) -> [u64; 4] {
    std::array::from_fn(|n| {
        let at = 16 + 8 * n;
        u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
    })
}

/// A 64-bit sum that any changed, swapped or missing word changes. Not meant against malice.
fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = 0x6c6f_636b_7374_6570_u64 ^ bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        // Each step is a bijection of the sum, so that no later word can undo an earlier change
        // without being changed itself.
        sum = (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        sum ^= sum >> 29;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Interval};

    fn sample() -> Trace {
        let mut log = Log::default();
        let payload = log.store(b"Given a controller");
        log.push(0, 1, Interval { not_before: 1, seen: 2 }, Body::Note { payload });
        log.push(1, 2, Interval { not_before: 3, seen: 4 }, Body::Idle);
        Trace { header: "{\"seed\":7}".into(), sequence: "lockstep sequence 1\n".into(), log }
    }

    #[test]
    fn a_trace_reads_back_as_it_was_written() {
        let trace = sample();
        assert_eq!(Trace::from_bytes(&trace.to_bytes()), Ok(trace));
        assert_eq!(Trace::from_bytes(&Trace::default().to_bytes()), Ok(Trace::default()));
    }

    #[test]
    fn every_cut_is_noticed() {
        let bytes = sample().to_bytes();
        for end in 1..bytes.len() {
            let error = Trace::from_bytes(&bytes[..end]).unwrap_err();
            assert!(matches!(error, TraceError::Truncated { .. }), "{end}: {error}");
        }
        assert_eq!(Trace::from_bytes(&[]), Err(TraceError::Foreign));
        let mut long = bytes;
        long.push(0);
        assert_eq!(Trace::from_bytes(&long), Err(TraceError::TooLong(1)));
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let good = sample().to_bytes();
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                assert!(Trace::from_bytes(&bad).is_err(), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn foreign_files_and_other_versions_are_named() {
        let foreign =
            Trace::from_bytes(b"\x7fELF and much more than forty eight bytes of something");
        assert_eq!(foreign, Err(TraceError::Foreign));
        let mut other = sample().to_bytes();
        other[8] = 9;
        let error = Trace::from_bytes(&other).unwrap_err();
        assert_eq!(error.to_string(), "a trace of format version 9; this program reads version 1");
    }
}
