//! Sequence to text.

use std::fmt::{self, Write};

use spec::QueueKind;
use spec::register::DoorbellKind;

use super::{HEADER, PERMS, REGISTERS, RESETS, name_in};
use crate::action::{Action, Block, ClaimOn, Condition, Links, Patience, Place, Word};
use crate::sequence::{Sequence, Start};

pub(super) fn sequence(sequence: &Sequence) -> String {
    let start = match sequence.start {
        Start::Enabled => "enabled",
        Start::Reset => "reset",
    };
    let mut text = format!("{HEADER}\nstart {start}\nseed {:#x}\n\n", sequence.seed);
    for action in &sequence.actions {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{action}");
    }
    text
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Raw(at) => write!(f, "{at}"),
            Place::In(id, 0) => write!(f, "{id}"),
            Place::In(id, offset) => write!(f, "{id}+{offset:#x}"),
        }
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Word::Raw(value) => write!(f, "{value:#x}"),
            Word::At(id, offset) => Place::In(id, offset).fmt(f),
        }
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Block::At(lba) => write!(f, "{lba}"),
            Block::FromLast(0) => f.write_str("last"),
            Block::FromLast(n) => write!(f, "last{n:+}"),
        }
    }
}

/// A register by name, or by offset.
struct Register(u32);

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match REGISTERS.iter().find(|(_, offset)| *offset == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{:#x}", self.0),
        }
    }
}

/// ` ctrl=1`, and nothing for controller 0.
struct On(u8);

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 { Ok(()) } else { write!(f, " ctrl={}", self.0) }
    }
}

/// One line, without its end.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::ReadReg { ctrl, offset, width } => {
                write!(f, "read-reg {} width={width}{}", Register(*offset), On(*ctrl))
            }
            Action::WriteReg { ctrl, offset, width, value } => {
                write!(f, "write-reg {} {value} width={width}{}", Register(*offset), On(*ctrl))
            }
            Action::Submit { ctrl, sqid, id, sqe, links }
            | Action::Send { ctrl, sqid, id, sqe, links } => {
                let verb = if matches!(self, Action::Send { .. }) { "send" } else { "submit" };
                write!(f, "{id} = {verb} sq={sqid}{}", On(*ctrl))?;
                if let Some(cid) = links.cid {
                    write!(f, " as={cid}")?;
                }
                let kind = if sqid.is_admin() { QueueKind::Admin } else { QueueKind::Nvm };
                write!(f, " {}{links}", spec::command::to_text(sqe, kind))
            }
            Action::Edit { id, dword, value } => write!(f, "edit {id} dw{dword}={value:#x}"),
            Action::Ring { ctrl, sqid } => write!(f, "ring sq={sqid}{}", On(*ctrl)),
            Action::RingAll { ctrl } => write!(f, "ring-all{}", On(*ctrl)),
            Action::Doorbell { ctrl, kind, qid, value } => {
                let queue = if *kind == DoorbellKind::SqTail { "sq" } else { "cq" };
                write!(f, "doorbell {queue}={qid} value={value}{}", On(*ctrl))
            }
            Action::Look { ctrl, cqid } => write!(f, "look cq={cqid}{}", On(*ctrl)),
            Action::Wait { ctrl, condition, patience } => {
                write!(f, "wait {condition}{patience}{}", On(*ctrl))
            }
            Action::Release { ctrl, cqid } => write!(f, "release cq={cqid}{}", On(*ctrl)),
            Action::MsixEnable { ctrl, vectors } => {
                write!(f, "msix-enable vectors={vectors}{}", On(*ctrl))
            }
            Action::MsixMask { ctrl, vector, masked } => {
                let verb = if *masked { "msix-mask" } else { "msix-unmask" };
                write!(f, "{verb} vector={vector}{}", On(*ctrl))
            }
            Action::MsixPending { ctrl, vector } => {
                write!(f, "msix-pending vector={vector}{}", On(*ctrl))
            }
            Action::Irq { ctrl } => write!(f, "irq{}", On(*ctrl)),
            Action::Reset { ctrl, kind } => {
                write!(f, "reset {}{}", name_in(RESETS, kind), On(*ctrl))
            }
            Action::Enable { ctrl } => write!(f, "enable{}", On(*ctrl)),
            Action::Pair { ctrl, qid, entries } => {
                write!(f, "pair qid={qid} entries={entries}{}", On(*ctrl))
            }
            Action::Hold => f.write_str("hold"),
            Action::LetGo => f.write_str("let-go"),
            Action::Sweep => f.write_str("sweep"),
            Action::Audit => f.write_str("audit"),
            Action::Note(text) => write!(f, "note {text:?}"),
            Action::Claim(claim) => write!(f, "claim {claim}"),
            memory => print_memory(memory, f),
        }
    }
}

fn print_memory(action: &Action, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match action {
        Action::Buffer { id, bytes, offset, page, perm, fill } => {
            write!(f, "{id} = buffer bytes={bytes} perm={}", name_in(PERMS, perm))?;
            if *offset != 0 {
                write!(f, " offset={offset:#x}")?;
            }
            if *page != 4096 {
                write!(f, " page={page}")?;
            }
            if *fill == 0 { Ok(()) } else { write!(f, " fill={fill:#04x}") }
        }
        Action::Free { id } => write!(f, "free {id}"),
        Action::Fill { ctrl, at, block_bytes, blocks, nsid, lba } => {
            let size = block_bytes;
            write!(f, "fill {at} blocks={blocks} size={size} nsid={nsid} lba={lba}{}", On(*ctrl))
        }
        Action::HostWrite { at, bytes } => {
            write!(f, "write {at} ")?;
            if bytes.is_empty() {
                return f.write_str("-");
            }
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
        Action::HostSet { at, len, value } => write!(f, "set {at} bytes={len} value={value:#04x}"),
        Action::List { at, entries } => {
            write!(f, "list {at}")?;
            entries.iter().try_for_each(|entry| write!(f, " {entry}"))
        }
        Action::Blocks { at, block_bytes, blocks } => {
            write!(f, "see-blocks {at} blocks={blocks} size={block_bytes}")
        }
        Action::Bytes { at, len } => write!(f, "see-bytes {at} bytes={len}"),
        _ => Err(fmt::Error),
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((id, offset)) = self.prp1 {
            write!(f, " prp1={}", Place::In(id, offset))?;
        }
        if let Some((id, offset)) = self.prp2 {
            write!(f, " prp2={}", Place::In(id, offset))?;
        }
        if let Some(from_last) = self.slba {
            write!(f, " slba={}", Block::FromLast(from_last))?;
        }
        self.target.map_or(Ok(()), |target| write!(f, " target={target}"))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Completed(id) => write!(f, "{id}"),
            Condition::AllCompleted => f.write_str("all-completed"),
            Condition::Register(offset, width, mask, value) => {
                write!(f, "{} width={width} mask={mask:#x} value={value:#x}", Register(*offset))
            }
            Condition::Interrupt(vector) => write!(f, "interrupt vector={vector}"),
            Condition::Idle => f.write_str("idle"),
            Condition::Held(count) => write!(f, "held count={count}"),
        }
    }
}

impl fmt::Display for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Patience::Default => Ok(()),
            Patience::Nanos(nanos) => write!(f, " patience={nanos}"),
        }
    }
}

impl fmt::Display for ClaimOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClaimOn::RefusedBy(id, req) => write!(f, "refused {id} by={req}"),
            ClaimOn::Accepted(id) => write!(f, "accepted {id}"),
            ClaimOn::Ruled(id) => write!(f, "ruled {id}"),
            ClaimOn::InFlight(id) => write!(f, "in-flight {id}"),
            ClaimOn::Judged(req) => write!(f, "judged {req}"),
        }
    }
}
