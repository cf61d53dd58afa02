//! Text to sequence.

use spec::register::DoorbellKind;
use spec::{Addr, Cid, Qid, Req};

use super::words::{TextError, Words};
use super::{HEADER, PERMS, REGISTERS, RESETS};
use crate::action::{
    Action, Block, BufferId, ClaimOn, CommandId, Condition, Links, Patience, Place, Word,
};
use crate::sequence::{Sequence, Start};

type Parsed<T> = Result<T, TextError>;

/// Labels stay below this: a table of them is kept.
const LABEL_MAX: u32 = 1 << 20;

pub(super) fn sequence(text: &str) -> Parsed<Sequence> {
    let mut sequence = Sequence::default();
    let mut headed = false;
    for (n, line) in text.lines().enumerate() {
        let mut words = Words::of(n + 1, line.trim_end());
        if words.is_empty() {
            continue;
        }
        if !headed {
            header(line, &words)?;
            headed = true;
            continue;
        }
        match words.peek() {
            Some("start") => sequence.start = start(&mut words)?,
            Some("seed") => {
                words.take("seed")?;
                sequence.seed = whole(&mut words, "a seed")?;
                words.end()?;
            }
            _ => sequence.actions.push(action(&mut words)?),
        }
    }
    if headed { Ok(sequence) } else { Err(Words::of(1, "").error_at(0, &format!("`{HEADER}`"))) }
}

fn header(line: &str, words: &Words<'_>) -> Parsed<()> {
    if line.trim() == HEADER {
        return Ok(());
    }
    let ours = line.trim().starts_with("lockstep sequence");
    let what = if ours { "version 1 of the format, " } else { "" };
    Err(words.error_at(0, &format!("{what}`{HEADER}`")))
}

fn start(words: &mut Words<'_>) -> Parsed<Start> {
    words.take("start")?;
    let start = match words.take("`enabled` or `reset`")? {
        "enabled" => Start::Enabled,
        "reset" => Start::Reset,
        _ => return Err(words.error("`enabled` or `reset`")),
    };
    words.end()?;
    Ok(start)
}

const ACTIONS: &str = "an action: read-reg, write-reg, b0 = buffer, free, fill, write, set, list, \
                       c0 = submit, c0 = send, edit, ring, ring-all, doorbell, look, wait, release, \
                       see-blocks, see-bytes, msix-enable, msix-mask, msix-unmask, msix-pending, \
                       irq, enable, pair, reset, hold, let-go, sweep, audit, note or claim";

fn action(words: &mut Words<'_>) -> Parsed<Action> {
    let verb = words.take(ACTIONS)?;
    let action = match verb {
        "hold" => Action::Hold,
        "let-go" => Action::LetGo,
        "sweep" => Action::Sweep,
        "audit" => Action::Audit,
        "free" => Action::Free { id: buffer(words)? },
        "note" => Action::Note(quoted(words)?),
        "claim" => Action::Claim(claim(words)?),
        "edit" => edit(words)?,
        "write" => Action::HostWrite { at: place(words)?, bytes: hex(words)? },
        "set" => {
            let (len, value) = (need(words, "bytes")?, need(words, "value")?);
            Action::HostSet { at: place(words)?, len, value }
        }
        "list" => list(words)?,
        "see-blocks" => {
            let (blocks, block_bytes) = (need(words, "blocks")?, need(words, "size")?);
            Action::Blocks { at: place(words)?, block_bytes, blocks }
        }
        "see-bytes" => {
            let len = need(words, "bytes")?;
            Action::Bytes { at: place(words)?, len }
        }
        label if words.peek() == Some("=") => labelled(label, words)?,
        _ => on_controller(verb, words)?,
    };
    words.end()?;
    Ok(action)
}

/// Actions that name a controller.
fn on_controller(verb: &str, words: &mut Words<'_>) -> Parsed<Action> {
    let wrong = words.error(ACTIONS);
    let ctrl = option(words, "ctrl")?.unwrap_or(0);
    Ok(match verb {
        "read-reg" => {
            let width = need(words, "width")?;
            Action::ReadReg { ctrl, offset: register(words)?, width }
        }
        "write-reg" => {
            let width = need(words, "width")?;
            let offset = register(words)?;
            Action::WriteReg { ctrl, offset, width, value: word(words)? }
        }
        "fill" => {
            let (blocks, block_bytes) = (need(words, "blocks")?, need(words, "size")?);
            let nsid = need(words, "nsid")?;
            let lba = match words.option("lba") {
                Some((index, text)) => {
                    block(text).ok_or_else(|| words.error_at(index, "lba=16 or lba=last-3"))?
                }
                None => return Err(words.error("lba=16 or lba=last-3")),
            };
            Action::Fill { ctrl, at: place(words)?, block_bytes, blocks, nsid, lba }
        }
        "ring" => Action::Ring { ctrl, sqid: Qid(need(words, "sq")?) },
        "ring-all" => Action::RingAll { ctrl },
        "doorbell" => {
            let value = need(words, "value")?;
            let (kind, qid) = match option(words, "sq")? {
                Some(qid) => (DoorbellKind::SqTail, qid),
                None => (DoorbellKind::CqHead, need(words, "cq")?),
            };
            Action::Doorbell { ctrl, kind, qid: Qid(qid), value }
        }
        "look" => Action::Look { ctrl, cqid: Qid(need(words, "cq")?) },
        "release" => Action::Release { ctrl, cqid: Qid(need(words, "cq")?) },
        "wait" => {
            let patience = option(words, "patience")?.map_or(Patience::Default, Patience::Nanos);
            Action::Wait { ctrl, condition: condition(words)?, patience }
        }
        "msix-enable" => Action::MsixEnable { ctrl, vectors: need(words, "vectors")? },
        "msix-mask" | "msix-unmask" => {
            let masked = verb == "msix-mask";
            Action::MsixMask { ctrl, vector: need(words, "vector")?, masked }
        }
        "msix-pending" => Action::MsixPending { ctrl, vector: need(words, "vector")? },
        "irq" => Action::Irq { ctrl },
        "enable" => Action::Enable { ctrl },
        "pair" => {
            let (qid, entries) = (Qid(need(words, "qid")?), need(words, "entries")?);
            Action::Pair { ctrl, qid, entries }
        }
        "reset" => Action::Reset { ctrl, kind: one_of(words, RESETS)? },
        _ => return Err(wrong),
    })
}

/// `b0 = buffer ..` and `c0 = submit ..` and `c0 = send ..`.
fn labelled(text: &str, words: &mut Words<'_>) -> Parsed<Action> {
    let no_label = words.error("a label: b0 for a buffer, c0 for a command");
    words.take("=")?;
    match words.take("buffer, submit or send")? {
        "buffer" => {
            let id = label(text, 'b').map(BufferId).ok_or(no_label)?;
            let perm = match words.option("perm") {
                Some((index, name)) => named(name, PERMS)
                    .ok_or_else(|| words.error_at(index, &names("perm=", PERMS)))?,
                None => return Err(words.error(&names("perm=", PERMS))),
            };
            Ok(Action::Buffer {
                id,
                bytes: need(words, "bytes")?,
                offset: option(words, "offset")?.unwrap_or(0),
                page: option(words, "page")?.unwrap_or(4096),
                perm,
                fill: option(words, "fill")?.unwrap_or(0),
            })
        }
        verb @ ("submit" | "send") => {
            let id = label(text, 'c').map(CommandId).ok_or(no_label)?;
            submit(id, verb == "send", words)
        }
        _ => Err(words.error("buffer, submit or send")),
    }
}

fn submit(id: CommandId, send: bool, words: &mut Words<'_>) -> Parsed<Action> {
    let sqid = Qid(need(words, "sq")?);
    let ctrl = option(words, "ctrl")?.unwrap_or(0);
    let mut links = Links { cid: option(words, "as")?.map(Cid), ..Links::default() };
    let rest = words.rest();
    let mut command: Vec<(usize, &str)> = Vec::new();
    for (index, text) in rest {
        if !link(&mut links, text) {
            command.push((index, text));
        }
    }
    let text: Vec<&str> = command.iter().map(|(_, text)| *text).collect();
    let sqe = spec::command::from_text(&text.join(" ")).map_err(|error| {
        let at = command.iter().find(|(_, text)| *text == error.word).map(|(index, _)| *index);
        words.error_at(at.unwrap_or(usize::MAX), &error.expected)
    })?;
    if sqe.cid() != Cid(0) {
        let at = command.iter().find(|(_, text)| text.starts_with("cid=")).map(|(n, _)| *n);
        // An Abort's own `cid` is a field of dword 10, and no identifier of the command itself.
        return Err(words.error_at(at.unwrap_or(0), "as=.. for the command's own identifier"));
    }
    Ok(if send {
        Action::Send { ctrl, sqid, id, sqe, links }
    } else {
        Action::Submit { ctrl, sqid, id, sqe, links }
    })
}

/// Takes a word as a link, if it is one.
fn link(links: &mut Links, text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else { return false };
    match key {
        "prp1" | "prp2" => {
            let Some(Place::In(id, offset)) = place_of(value) else { return false };
            let slot = if key == "prp1" { &mut links.prp1 } else { &mut links.prp2 };
            *slot = Some((id, offset));
        }
        "slba" => {
            let Some(Block::FromLast(n)) = block(value) else { return false };
            links.slba = Some(n);
        }
        "target" => {
            let Some(id) = label(value, 'c') else { return false };
            links.target = Some(CommandId(id));
        }
        _ => return false,
    }
    true
}

fn edit(words: &mut Words<'_>) -> Parsed<Action> {
    let id = command(words)?;
    let text = words.take("dw10=0x20")?;
    let parts = text.strip_prefix("dw").and_then(|rest| rest.split_once('='));
    let edit = parts.and_then(|(dword, value)| {
        let dword = dword.parse().ok().filter(|n: &u8| *n < 16)?;
        Some((dword, number(value)?.try_into().ok()?))
    });
    let (dword, value) = edit.ok_or_else(|| words.error("dw0=.. to dw15=.., a 32-bit value"))?;
    Ok(Action::Edit { id, dword, value })
}

fn list(words: &mut Words<'_>) -> Parsed<Action> {
    let at = place(words)?;
    let mut entries = Vec::new();
    while !words.is_empty() {
        entries.push(word(words)?);
    }
    Ok(Action::List { at, entries })
}

fn condition(words: &mut Words<'_>) -> Parsed<Condition> {
    let what = "c0, all-completed, idle, held, interrupt or a register";
    Ok(match words.peek() {
        Some("all-completed") => taken(words, Condition::AllCompleted)?,
        Some("idle") => taken(words, Condition::Idle)?,
        Some("held") => {
            words.take(what)?;
            Condition::Held(need(words, "count")?)
        }
        Some("interrupt") => {
            words.take(what)?;
            Condition::Interrupt(need(words, "vector")?)
        }
        Some(text) if label(text, 'c').is_some() => Condition::Completed(command(words)?),
        Some(_) => {
            let width = need(words, "width")?;
            let (mask, value) = (need(words, "mask")?, need(words, "value")?);
            Condition::Register(register(words)?, width, mask, value)
        }
        None => return words.take(what).map(|_| Condition::Idle),
    })
}

fn taken<T>(words: &mut Words<'_>, value: T) -> Parsed<T> {
    words.take("")?;
    Ok(value)
}

fn claim(words: &mut Words<'_>) -> Parsed<ClaimOn> {
    let what = "refused, accepted, ruled, in-flight or judged";
    Ok(match words.take(what)? {
        "refused" => {
            let id = command(words)?;
            match words.option("by") {
                Some((index, name)) => ClaimOn::RefusedBy(id, requirement(words, index, name)?),
                None => return Err(words.error("by=, the name of a requirement")),
            }
        }
        "accepted" => ClaimOn::Accepted(command(words)?),
        "ruled" => ClaimOn::Ruled(command(words)?),
        "in-flight" => ClaimOn::InFlight(command(words)?),
        "judged" => {
            let name = words.take("the name of a requirement")?;
            let req = Req::find(name).ok_or_else(|| words.error("the name of a requirement"))?;
            ClaimOn::Judged(req)
        }
        _ => return Err(words.error(what)),
    })
}

fn requirement(words: &Words<'_>, index: usize, name: &str) -> Parsed<Req> {
    Req::find(name).ok_or_else(|| words.error_at(index, "by=, the name of a requirement"))
}

// ---- single words

fn number(text: &str) -> Option<u64> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    // `from_str_radix` would take a sign.
    let plain =
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then(|| u64::from_str_radix(&digits.replace('_', ""), radix).ok()).flatten()
}

fn whole<T: TryFrom<u64>>(words: &mut Words<'_>, what: &str) -> Parsed<T> {
    let text = words.take(what)?;
    number(text).and_then(|n| n.try_into().ok()).ok_or_else(|| words.error(what))
}

fn option<T: TryFrom<u64>>(words: &mut Words<'_>, key: &str) -> Parsed<Option<T>> {
    let Some((index, text)) = words.option(key) else { return Ok(None) };
    let value = number(text).and_then(|n| n.try_into().ok());
    let what = || format!("{key}= and a number of {} bits", 8 * size_of::<T>());
    value.map(Some).ok_or_else(|| words.error_at(index, &what()))
}

fn need<T: TryFrom<u64>>(words: &mut Words<'_>, key: &str) -> Parsed<T> {
    match option(words, key)? {
        Some(value) => Ok(value),
        None => Err(words.error_at(usize::MAX, &format!("{key}= and a number"))),
    }
}

fn label(text: &str, letter: char) -> Option<u32> {
    let digits = text.strip_prefix(letter)?;
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().filter(|n| *n < LABEL_MAX)
}

fn buffer(words: &mut Words<'_>) -> Parsed<BufferId> {
    let what = "the label of a buffer, b0";
    let text = words.take(what)?;
    label(text, 'b').map(BufferId).ok_or_else(|| words.error(what))
}

fn command(words: &mut Words<'_>) -> Parsed<CommandId> {
    let what = "the label of a command, c0";
    let text = words.take(what)?;
    label(text, 'c').map(CommandId).ok_or_else(|| words.error(what))
}

fn place_of(text: &str) -> Option<Place> {
    if let Some(at) = number(text) {
        return Some(Place::Raw(Addr(at)));
    }
    let (name, offset) = match text.split_once('+') {
        Some((name, offset)) => (name, number(offset)?),
        None => (text, 0),
    };
    label(name, 'b').map(|id| Place::In(BufferId(id), offset))
}

fn place(words: &mut Words<'_>) -> Parsed<Place> {
    let what = "a place in memory: b0, b0+0x200 or an address";
    let text = words.take(what)?;
    place_of(text).ok_or_else(|| words.error(what))
}

fn word(words: &mut Words<'_>) -> Parsed<Word> {
    let what = "a value: a number, b0 or b0+0x200";
    let text = words.take(what)?;
    match place_of(text) {
        Some(Place::Raw(at)) => Ok(Word::Raw(at.0)),
        Some(Place::In(id, offset)) => Ok(Word::At(id, offset)),
        None => Err(words.error(what)),
    }
}

fn block(text: &str) -> Option<Block> {
    let Some(rest) = text.strip_prefix("last") else { return number(text).map(Block::At) };
    if rest.is_empty() {
        return Some(Block::FromLast(0));
    }
    let (sign, digits) = rest.split_at_checked(1)?;
    let n = i64::try_from(number(digits)?).ok()?;
    match sign {
        "+" => Some(Block::FromLast(n)),
        "-" => Some(Block::FromLast(-n)),
        _ => None,
    }
}

fn register(words: &mut Words<'_>) -> Parsed<u32> {
    let what = "a register: its name, or its offset";
    let text = words.take(what)?;
    let by_name = REGISTERS.iter().find(|(name, _)| *name == text).map(|(_, offset)| *offset);
    let by_offset = || number(text).and_then(|n| n.try_into().ok());
    by_name.or_else(by_offset).ok_or_else(|| words.error(what))
}

fn named<T: Copy>(name: &str, table: &[(&str, T)]) -> Option<T> {
    table.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

fn names<T>(before: &str, table: &[(&str, T)]) -> String {
    let names: Vec<String> = table.iter().map(|(name, _)| format!("{before}{name}")).collect();
    names.join(", ")
}

fn one_of<T: Copy>(words: &mut Words<'_>, table: &[(&str, T)]) -> Parsed<T> {
    let text = words.take(&names("", table))?;
    named(text, table).ok_or_else(|| words.error(&names("", table)))
}

fn hex(words: &mut Words<'_>) -> Parsed<Vec<u8>> {
    let what = "bytes as pairs of hexadecimal digits, or - for none";
    let text = words.take(what)?;
    if text == "-" {
        return Ok(Vec::new());
    }
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    match digits {
        Some(digits) if digits.len() % 2 == 0 => {
            Ok(digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect())
        }
        _ => Err(words.error(what)),
    }
}

/// A text in double quotes, with the escapes of [`str::escape_debug`].
fn quoted(words: &mut Words<'_>) -> Parsed<String> {
    let what = "a text in double quotes";
    let text = words.take(what)?;
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.filter(|_| text.len() >= 2).ok_or_else(|| words.error(what))?;
    unescape(inner).ok_or_else(|| words.error("an escape: \\n, \\t, \\\\, \\\" or \\u{1f}"))
}

fn unescape(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        plain.push(match chars.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            'u' => {
                let code: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
            }
            c @ ('\\' | '"' | '\'') => c,
            _ => return None,
        });
    }
    Some(plain)
}
