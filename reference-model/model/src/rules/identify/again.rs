//! A structure that is read again. What the text keeps as it is has a requirement; of the rest no clause
//! says so, but nothing that this harness sends changes it: a controller that does is an anomaly.

use std::ops::Range;
use std::sync::Arc;

use spec::identify::{IdentifyController, IdentifyNamespace};
use spec::requirement::{identify, identify_controller, identify_descriptors};
use spec::structure::ByteField;
use spec::{Cns, Nsid, Req};

use crate::lives::{Kept, Lives};
use crate::ruling::Apply;

/// A field that is another than before.
struct Change<'a> {
    field: &'static ByteField,
    before: &'a [u8],
    now: &'a [u8],
}

impl Change<'_> {
    fn story(&self) -> (String, String) {
        let ByteField { name, offset, .. } = self.field;
        let first = (0..self.now.len()).find(|n| self.now[*n] != self.before[*n]).unwrap_or(0);
        let (now, before) = (self.now[first], self.before[first]);
        let at = offset + first;
        (
            format!("{} (byte {at}) is {now:02X}h", name.to_uppercase()),
            format!("it was {before:02X}h, and nothing changed it"),
        )
    }
}

/// The fields that are not as before, but for bits that `moves` gives for the byte.
fn changes<'a>(
    kept: &'a Kept,
    now: &'a [u8],
    fields: &'static [ByteField],
    moves: impl Fn(usize) -> u8,
) -> Vec<Change<'a>> {
    let moved = |at: usize| (kept.bytes[at] ^ now[at]) & !moves(at) != 0;
    let changed = fields.iter().filter(|field| field.range().any(moved));
    let change = |field: &'static ByteField| {
        let (before, now) = (&kept.bytes[field.range()], &now[field.range()]);
        Change { field, before, now }
    };
    changed.map(change).collect()
}

/// Holds the changed fields: those of `own` against its requirement, the rest as an anomaly.
fn hold(apply: &mut Apply, changes: &[Change], own: &[&str], by: Req) {
    let find = |owned: bool| changes.iter().find(|c| own.contains(&c.field.name) == owned);
    let broken = find(true);
    apply.hold(by, broken.is_none(), || {
        let (observed, because) = broken.map(Change::story).unwrap_or_default();
        (observed, "what it was before".into(), because)
    });
    let odd = find(false);
    apply
        .expect(identify::SAME_AGAIN, odd.is_none(), || odd.map(Change::story).unwrap_or_default());
}

/// What was read now, for the next time.
fn keep(place: &mut Option<Kept>, bytes: &[u8], lives: Lives) {
    match place {
        Some(kept) if *kept.bytes == *bytes => kept.lives = lives,
        _ => *place = Some(Kept { bytes: Arc::from(bytes), lives }),
    }
}

/// Bits of Identify Controller that change without a command: bytes of the management interface (VWCI
/// counts writes), vendor specific ones, and the two that have rules of their own once they are not 0.
fn controller_moves(kept: &Kept, at: usize) -> u8 {
    match at {
        135 if kept.bytes[135] != 0 => 0xff,
        136..=143 if kept.bytes[136..=143] != [0; 8] => 0xff,
        240..=252 | 254 | 3072.. => 0xff,
        _ => 0,
    }
}

/// Identify Controller was read.
pub(super) fn controller(apply: &mut Apply, id: &IdentifyController) {
    let lives = apply.controller().lives;
    let mut place = apply.controller().identified.take();
    if let Some(kept) = &place {
        let fields = IdentifyController::<[u8; 4096]>::FIELDS;
        let changes = match *kept.bytes == *id.bytes() {
            true => Vec::new(),
            false => changes(kept, id.bytes(), fields, |at| controller_moves(kept, at)),
        };
        hold(apply, &changes, &["fguid"], identify_controller::FGUID);
        instance(apply, &kept.bytes, id, kept.lives, lives);
    }
    keep(&mut place, id.bytes(), lives);
    apply.controller().identified = place;
}

/// CIU counts how often the controller became ready; CIRN is made anew each time.
fn instance(apply: &mut Apply, before: &[u8], id: &IdentifyController, then: Lives, now: Lives) {
    let Ok(before) = <[u8; 4096]>::try_from(before) else { return };
    let before = IdentifyController(before);
    let sure = then.unsure == now.unsure;
    let times = now.readies - then.readies;
    let because = || format!("the controller became ready {times} times since");
    if before.ciu() != 0 && sure {
        let expected = ((u32::from(before.ciu()) - 1 + times) % 255 + 1) as u8;
        apply.hold(identify_controller::CIU, id.ciu() == expected, || {
            (format!("CIU {:02X}h", id.ciu()), format!("CIU {expected:02X}h"), because())
        });
    }
    if before.cirn() != 0 {
        let same = sure && times == 0 && then.power_losses == now.power_losses;
        let agrees = if same { id.cirn() == before.cirn() } else { id.cirn() != 0 };
        apply.hold(identify_controller::CIRN, agrees, || {
            let allowed = if same { format!("{:016X}h", before.cirn()) } else { "not 0".into() };
            (format!("CIRN {:016X}h", id.cirn()), allowed, because())
        });
    }
}

/// Bits of Identify Namespace that change without a command: NUSE, FPI, NSATTR bit 0, the group of
/// asymmetric access, vendor specific ones.
fn namespace_moves(groups: bool, at: usize) -> u8 {
    match at {
        16..=23 | 32 | 384.. => 0xff,
        92..=95 if groups => 0xff,
        99 => 1,
        _ => 0,
    }
}

/// Whether both are surely the same namespace: no loss of power lies between, after which the NSID may be
/// another's, or they have the same identifiers.
fn is_the_same(kept: &Kept, ns: &IdentifyNamespace, lives: Lives) -> bool {
    let (nguid, eui64) = (104..120, 120..128);
    let told = |range: Range<usize>| ns.bytes()[range].iter().any(|byte| *byte != 0);
    let same = kept.bytes[104..128] == ns.bytes()[104..128];
    kept.lives.power_losses == lives.power_losses || same && (told(nguid) || told(eui64))
}

/// Identify Namespace of `nsid`, which is active, was read.
pub(super) fn namespace(apply: &mut Apply, nsid: Nsid, ns: &IdentifyNamespace) {
    let (lives, groups) = (
        apply.controller().lives,
        apply.controller().claims.is_none_or(|claims| claims.cmic & 1 << 3 != 0),
    );
    let all = &mut apply.controller().identified_namespaces;
    let found = all.iter().position(|(known, _)| *known == nsid);
    let mut place = found.map(|at| all.swap_remove(at).1);
    if let Some(kept) = place.as_ref().filter(|kept| is_the_same(kept, ns, lives)) {
        let fields = IdentifyNamespace::<[u8; 4096]>::FIELDS;
        let changes = match *kept.bytes == *ns.bytes() {
            true => Vec::new(),
            false => changes(kept, ns.bytes(), fields, |at| namespace_moves(groups, at)),
        };
        hold(apply, &changes, &["nguid", "eui64"], identify_descriptors::CONSTANT);
    }
    keep(&mut place, ns.bytes(), lives);
    let all = &mut apply.controller().identified_namespaces;
    if let Some(kept) = place {
        let at = all.partition_point(|(known, _)| *known < nsid);
        all.insert(at, (nsid, kept));
    }
}

/// Whether a list differs from what is known of active namespaces: the identifier, and whether it is new.
/// Namespaces stay attached over resets; the identifiers of some may change while power is off.
pub(super) fn list(apply: &mut Apply, after: Nsid, ids: &[u32], full: bool) {
    use spec::requirement::reset;
    let controller = apply.controller();
    let lives = controller.lives;
    let Some(then) = controller.listed.replace(lives) else { return };
    if then.power_losses != lives.power_losses {
        return;
    }
    let active = &controller.active;
    let upto = if full { ids.last().copied().unwrap_or(after.0) } else { u32::MAX - 1 };
    let within = |id: &&u32| **id > after.0 && **id <= upto;
    let gone = active.known().iter().filter(within).find(|id| !ids.contains(id));
    let came = ids.iter().find(|id| active.is_active(Nsid(**id)).is_no());
    let story = match (gone, came) {
        (Some(id), _) => Some(format!("NSID {id:X}h is not active")),
        (None, Some(id)) => Some(format!("NSID {id:X}h is active")),
        (None, None) => None,
    };
    let agrees = story.is_none();
    if then.resets != lives.resets {
        apply.hold(reset::ATTACHMENTS_KEPT, agrees, || {
            let because = "it was otherwise before the reset".into();
            (story.unwrap_or_default(), "what was attached before".into(), because)
        });
        return;
    }
    apply.expect(identify::SAME_AGAIN, agrees, || {
        (story.unwrap_or_default(), "it was otherwise before, and nothing changed it".into())
    });
}

/// Another structure was read, by CNS and NSID. The descriptors of a namespace are fixed; of the rest
/// nothing moves but bytes that say how something goes on.
pub(super) fn structure(apply: &mut Apply, key: (Cns, Nsid), bytes: &[u8]) {
    let lives = apply.controller().lives;
    let all = &mut apply.controller().kept_structures;
    let found = all.iter().position(|(known, _)| *known == key);
    let before = found.map(|at| all.remove(at).1);
    if let Some(kept) = before.filter(|kept| kept.lives.power_losses == lives.power_losses) {
        // FPI, the group of asymmetric access, NSATTR, NSTAT.
        let independent = key.0 == Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE;
        let moves = |at: usize| independent && matches!(at, 3..=8 | 14);
        let differs = |at: &usize| kept.bytes[*at] != bytes[*at] && !moves(*at);
        let first = (0..bytes.len()).find(differs);
        let story = || {
            let at = first.unwrap_or(0);
            let now = format!("byte {at} is {:02X}h", bytes[at]);
            (now, format!("it was {:02X}h, and nothing changed it", kept.bytes[at]))
        };
        if key.0 == Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST {
            apply.hold(identify_descriptors::CONSTANT, first.is_none(), || {
                let (now, because) = story();
                (now, "the descriptors as they were".into(), because)
            });
        } else {
            apply.expect(identify::SAME_AGAIN, first.is_none(), story);
        }
    }
    let all = &mut apply.controller().kept_structures;
    let at = all.partition_point(|(known, _)| (known.0.0, known.1) < (key.0.0, key.1));
    all.insert(at, (key, Kept { bytes: Arc::from(bytes), lives }));
}
