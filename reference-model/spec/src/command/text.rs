//! The text form of an SQE, as sequence files hold it, and the sentence that reports print.
//!
//! `create-io-sq qid=1 entries=64 pc=1 cqid=2`: the command's name, then its fields. A field
//! whose *raw* value is 0 is left out, so no `entries=` means one entry (0's based) and no `qid=`
//! means queue 0. Bits outside the named fields are written as `dw12=0x30000`, and a command
//! without a typed form is `admin-raw` or `nvm-raw` with its dwords. Every SQE has a text, and that
//! text gives back the very same SQE.

use std::fmt;

use super::{CommandDef, TABLE, by_name, by_opcode};
use crate::opcode;
use crate::{Cid, Cns, Fid, FieldDef, Kind, Lid, Nsid, QueueKind, Sqe};

/// Why a text is not an SQE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    /// The word at fault; empty if the text was empty.
    pub word: String,
    /// What was expected in its place.
    pub expected: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.word[..] {
            "" => write!(f, "the command is missing: expected {}", self.expected),
            word => write!(f, "`{word}`: expected {}", self.expected),
        }
    }
}

impl std::error::Error for TextError {}

fn error<T>(word: &str, expected: impl Into<String>) -> Result<T, TextError> {
    Err(TextError { word: word.to_string(), expected: expected.into() })
}

const fn raw_name(queue: QueueKind) -> &'static str {
    match queue {
        QueueKind::Admin => "admin-raw",
        QueueKind::Nvm => "nvm-raw",
    }
}

/// The text form of `sqe`, read as a command of `queue`.
pub fn to_text(sqe: &Sqe, queue: QueueKind) -> String {
    let Some(command) = by_opcode(queue, sqe.opcode()) else {
        return raw_name(queue).to_string() + &dwords(&sqe.dw);
    };
    let mut text = command.name.to_string();
    for field in command.all_fields().filter(|field| field.read(&sqe.dw) != 0) {
        text += &format!(" {}={}", field.name, value_text(field, field.read(&sqe.dw)));
    }
    text + &dwords(&rest(command, sqe))
}

/// The text of a field's raw value: `64` for the raw 63 of a 0's based field, `0x02` for a code.
pub fn value_text(field: &FieldDef, raw: u64) -> String {
    match field.kind {
        Kind::Plain | Kind::Identifier => raw.to_string(),
        Kind::Code => format!("{raw:#04x}"),
        Kind::Bits | Kind::Address => format!("{raw:#x}"),
        Kind::Count => (u128::from(raw) + 1).to_string(),
    }
}

/// The raw value that `value` stands for in `field`: what [`value_text`] wrote, in decimal or
/// `0x` hexadecimal. `word` is the whole word, for the error.
pub fn parse_value(field: &FieldDef, word: &str, value: &str) -> Result<u64, TextError> {
    let offset = u128::from(field.kind == Kind::Count);
    let (min, max) = (offset, u128::from(field.raw_max()) + offset);
    match number(value) {
        Some(number) if (min..=max).contains(&number) => Ok((number - offset) as u64),
        _ if field.kind == Kind::Count => {
            error(word, format!("a number from {min} to {max} (the field is 0's based)"))
        }
        _ => error(word, format!("a number from {min} to {max:#x} ({} bits)", field.width)),
    }
}

/// The SQE that `text` describes. Words may stand in any order after the name.
pub fn from_text(text: &str) -> Result<Sqe, TextError> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let command = by_name(name);
    if command.is_none() && name != raw_name(QueueKind::Admin) && name != raw_name(QueueKind::Nvm) {
        let names: Vec<_> = TABLE.iter().map(|command| command.name).collect();
        return error(name, format!("{}, admin-raw or nvm-raw", names.join(", ")));
    }
    let mut sqe = Sqe::new(command.map_or(0, |command| command.opcode));
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        let Some((key, value)) = word.split_once('=') else {
            return error(word, "field=value");
        };
        if seen.contains(&key) {
            return error(word, format!("`{key}` once"));
        }
        seen.push(key);
        match command.and_then(|command| command.field(key)) {
            Some(field) => field.write(&mut sqe.dw, parse_value(field, word, value)?),
            None => set_dword(&mut sqe, command, word, key, value)?,
        }
    }
    Ok(sqe)
}

/// `dw12=0x30000`: the bits of a dword that no named field covers.
fn set_dword(
    sqe: &mut Sqe,
    command: Option<&CommandDef>,
    word: &str,
    key: &str,
    value: &str,
) -> Result<(), TextError> {
    let index = key.strip_prefix("dw").and_then(|n| n.parse().ok()).filter(|n: &usize| *n < 16);
    // `dw+1` and `dw01` would be second names of one dword.
    let Some(index) = index.filter(|n| key == format!("dw{n}")) else {
        let names: Vec<_> = command.iter().flat_map(|c| c.all_fields()).map(|f| f.name).collect();
        let names = names.join(", ");
        return error(
            word,
            if names.is_empty() {
                "dw0 to dw15".into()
            } else {
                format!("one of {names}, dw0 to dw15")
            },
        );
    };
    let Some(bits) = number(value).and_then(|bits| u32::try_from(bits).ok()) else {
        return error(word, "a number of 32 bits");
    };
    if let Some(command) = command {
        let taken = bits & command.named_bits()[index];
        if taken != 0 {
            let mut probe = [0; 16];
            probe[index] = taken;
            let field = command.all_fields().find(|field| field.read(&probe) != 0);
            let owner =
                field.map_or("the command's name".to_string(), |field| format!("`{}`", field.name));
            return error(word, format!("bits {taken:#x} to be set by {owner}"));
        }
    }
    sqe.dw[index] |= bits;
    Ok(())
}

fn number(text: &str) -> Option<u128> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    // `from_str_radix` would take a sign.
    let plain =
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then(|| u128::from_str_radix(&digits.replace('_', ""), radix).ok()).flatten()
}

/// The dwords of `sqe` without the opcode and the named fields of `command`.
fn rest(command: &CommandDef, sqe: &Sqe) -> [u32; 16] {
    let named = command.named_bits();
    std::array::from_fn(|n| sqe.dw[n] & !named[n])
}

fn dwords(dw: &[u32; 16]) -> String {
    dw.iter()
        .enumerate()
        .filter(|(_, dw)| **dw != 0)
        .map(|(n, dw)| format!(" dw{n}={dw:#x}"))
        .collect()
}

/// How reports print an SQE of `queue`: `Create I/O SQ  QID 1  64 entries  PC 1  CQID 2`.
pub fn describe(sqe: &Sqe, queue: QueueKind) -> impl fmt::Display {
    Description { sqe: *sqe, queue }
}

struct Description {
    sqe: Sqe,
    queue: QueueKind,
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sqe, queue) = (&self.sqe, self.queue);
        let name = opcode::lookup(queue, sqe.opcode()).map(|op| op.short_name());
        match (&name, queue) {
            (Some(name), _) => write!(f, "{name}")?,
            (None, QueueKind::Admin) => write!(f, "admin opcode {:02X}h", sqe.opcode())?,
            (None, QueueKind::Nvm) => write!(f, "I/O opcode {:02X}h", sqe.opcode())?,
        }
        let Some(command) = by_opcode(queue, sqe.opcode()) else {
            return write!(f, "  {sqe:?}");
        };
        for field in command.all_fields() {
            let raw = field.read(&sqe.dw);
            let own = command.fields.contains(field);
            // The CID of the SQE stands beside its description: the host driver gave it.
            if (raw != 0 || own && field.kind.told_when_zero()) && (own || field.name != "cid") {
                field_in_words(f, field, raw)?;
            }
        }
        // Abort's own `cid` hides the common one, which is told nowhere.
        let rest = rest(command, &sqe.with_cid(Cid(0)));
        for (n, dw) in rest.iter().enumerate().filter(|(_, dw)| **dw != 0) {
            write!(f, "  DW{n} {dw:#x} outside its fields")?;
        }
        Ok(())
    }
}

fn field_in_words(f: &mut fmt::Formatter<'_>, field: &FieldDef, raw: u64) -> fmt::Result {
    let name = field.name.to_uppercase();
    match (field.kind, field.name) {
        (Kind::Count, "entries") => write!(f, "  {}", counted(raw + 1, "entry", "entries")),
        (Kind::Count, "nlb") => write!(f, "  {}", counted(raw + 1, "block", "blocks")),
        (Kind::Count, _) => write!(f, "  {name} {}", raw + 1),
        (Kind::Code, _) => {
            write!(f, "  {name} {raw:02X}h")?;
            code_name(field, raw).map_or(Ok(()), |text| write!(f, " {text}"))
        }
        (Kind::Address, _) => write!(f, "  {name} {}", crate::num::grouped_hex(raw)),
        (Kind::Bits, _) => write!(f, "  {name} {raw:#x}"),
        (Kind::Identifier, "nsid") if raw == u64::from(Nsid::BROADCAST.0) => {
            write!(f, "  {name} FFFFFFFFh")
        }
        (Kind::Plain | Kind::Identifier, _) => match name.strip_suffix("_Z") {
            Some(name) => write!(f, "  {name} {raw} (0's based)"),
            None => write!(f, "  {name} {raw}"),
        },
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

fn code_name(field: &FieldDef, raw: u64) -> Option<&'static str> {
    match field.name {
        "cns" => Cns(raw as u8).name(),
        "fid" => Fid(raw as u8).name(),
        "lid" => Lid(raw as u8).name(),
        _ => None,
    }
}
