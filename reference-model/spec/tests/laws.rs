//! Laws that hold for every structure, whatever the bits.

use std::collections::BTreeSet;

use lockstep_spec as spec;
use proptest::prelude::*;
use spec::command::{self, Command, TABLE, from_text, to_text};
use spec::identify::{
    IdentifyController, IdentifyNamespace, IndependentIdentifyNamespace,
    NamespaceIdentificationList, NamespaceList, Nidt, NvmIdentifyController, NvmIdentifyNamespace,
    PowerState,
};
use spec::log_page::{
    CommandEffects, CommandsSupportedAndEffects, ErrorInformation,
    FeatureIdentifiersSupportedAndEffects, FidEffects, FirmwareSlot, LidSupported,
    NvmeMiCommandsSupportedAndEffects, SmartHealth, SupportedLogPages,
};
use spec::register::{Aqa, Cap, Cc, Crto, Csts};
use spec::{Addr, Bytes, Cqe, Entries, FieldValue, Nsid, QueueKind, Sqe, Status, prp, register};

fn any_sqe() -> impl Strategy<Value = Sqe> {
    prop_oneof![
        any::<[u32; 16]>().prop_map(|dw| Sqe { dw }),
        // A known opcode with sparse dwords: the typed forms, with few bits beside their fields.
        (0..TABLE.len(), prop::collection::vec((0..16usize, any::<u32>()), 0..5)).prop_map(
            |(command, dwords)| {
                let mut sqe = Sqe::default();
                dwords.into_iter().for_each(|(n, dw)| sqe.dw[n] = dw);
                sqe.with_opcode(TABLE[command].opcode)
            }
        ),
    ]
}

fn masked(sqe: &Sqe, fields: &[spec::FieldDef]) -> [u32; 16] {
    let mut mask = [0; 16];
    fields.iter().for_each(|field| field.write(&mut mask, u64::MAX));
    std::array::from_fn(|n| sqe.dw[n] & mask[n])
}

/// A command's struct keeps its own fields and nothing else, and encodes to what it was read from.
fn typed_command_law<C: Command + PartialEq + std::fmt::Debug>(sqe: &Sqe) {
    let typed = C::project(sqe);
    let encoded = typed.sqe();
    assert_eq!(C::project(&encoded), typed, "{}: decode after encode", C::NAME);
    let mut expected = masked(sqe, C::FIELDS);
    expected[0] |= u32::from(C::OPCODE);
    assert_eq!(encoded.dw, expected, "{}: encode after decode", C::NAME);
}

macro_rules! all_commands {
    ($($name:ident),*) => {
        const TYPED: &[(&str, QueueKind, u8)] = &[
            $( (command::$name::NAME, command::$name::QUEUE, command::$name::OPCODE) ),*
        ];
        fn every_typed_command(sqe: &Sqe) {
            $( typed_command_law::<command::$name>(sqe); )*
        }
    };
}
all_commands!(
    DeleteIoSq,
    CreateIoSq,
    GetLogPage,
    DeleteIoCq,
    CreateIoCq,
    Identify,
    Abort,
    SetFeatures,
    GetFeatures,
    AsyncEventRequest,
    Flush,
    Write,
    Read
);

#[test]
fn every_command_of_the_table_is_under_the_laws() {
    let table: Vec<_> = TABLE.iter().map(|c| (c.name, c.queue, c.opcode)).collect();
    assert_eq!(table, TYPED);
    let names: BTreeSet<_> = TABLE.iter().map(|command| command.name).collect();
    assert_eq!(names.len(), TABLE.len(), "a name stands twice");
    let opcodes: BTreeSet<_> = TABLE.iter().map(|c| (c.queue, c.opcode)).collect();
    assert_eq!(opcodes.len(), TABLE.len(), "an opcode stands twice");
    for command in TABLE {
        assert!(
            spec::opcode::lookup(command.queue, command.opcode).is_some(),
            "{} is not in the opcode table",
            command.name
        );
    }
}

#[test]
fn command_fields_lie_inside_the_sqe_and_do_not_overlap() {
    for command in TABLE {
        for (n, field) in command.fields.iter().enumerate() {
            let (first, width) = (u32::from(field.low), u32::from(field.width));
            let place = format!("{} {}", command.name, field.name);
            assert!((1..=64).contains(&width) && first < 32, "{place}");
            assert!(u32::from(field.dword) * 32 + first + width <= 512, "{place}");
            // `FieldDef::read` joins two dwords, no more.
            assert!(first + width <= 64, "{place}");
            assert!(field.dword > 0, "{place}: dword 0 is common to all commands");
            for other in &command.fields[n + 1..] {
                assert!(!field.overlaps(other), "{place} overlaps {}", other.name);
                assert_ne!(field.name, other.name, "{place}");
            }
        }
    }
}

#[test]
fn boundary_values_survive_in_every_field_among_ones_and_zeroes() {
    for field in TABLE.iter().flat_map(|command| command.all_fields()) {
        for background in [0, u32::MAX] {
            for raw in field.boundary_values() {
                let mut dw = [background; 16];
                field.write(&mut dw, raw);
                assert_eq!(field.read(&dw), raw, "{}", field.name);
                field.write(&mut dw, if background == 0 { 0 } else { u64::MAX });
                assert_eq!(dw, [background; 16], "{} leaks into its neighbours", field.name);
            }
        }
    }
}

/// The field tables again, bit by bit, as an independent reading of FieldDef::read.
fn bit_by_bit(dw: &[u32; 16], field: &spec::FieldDef) -> u64 {
    let first = usize::from(field.dword) * 32 + usize::from(field.low);
    (0..usize::from(field.width))
        .map(|n| u64::from(dw[(first + n) / 32] >> ((first + n) % 32) & 1) << n)
        .sum()
}

proptest! {
    #[test]
    fn sqe_bytes_round_trip(sqe in any_sqe()) {
        prop_assert_eq!(Sqe::from_bytes(&sqe.to_bytes()), sqe);
    }

    #[test]
    fn cqe_bytes_and_fields_round_trip(dw in any::<[u32; 4]>()) {
        let cqe = Cqe { dw };
        prop_assert_eq!(Cqe::from_bytes(&cqe.to_bytes()), cqe);
        let built = Cqe::new(cqe.dw0(), cqe.sqid(), cqe.sqhd(), cqe.cid(), cqe.status(), cqe.dnr())
            .with_phase(cqe.phase());
        // CRD and M are the fields that `new` clears, and dword 1 is not its own.
        prop_assert_eq!(built.dw, [dw[0], 0, dw[2], dw[3] & !0x7000_0000]);
        prop_assert_eq!(Status::from_field((dw[3] >> 17) as u16), cqe.status());
    }

    #[test]
    fn fields_read_as_their_bits(sqe in any_sqe()) {
        for field in TABLE.iter().flat_map(|command| command.all_fields()) {
            prop_assert_eq!(field.read(&sqe.dw), bit_by_bit(&sqe.dw, field), "{}", field.name);
        }
    }

    #[test]
    fn typed_commands_keep_their_fields(sqe in any_sqe()) {
        every_typed_command(&sqe);
    }

    #[test]
    fn common_setters_change_their_field_alone(sqe in any_sqe(), raw in any::<u64>()) {
        for (n, changed) in [
            sqe.with_cid(spec::Cid(raw as u16)),
            sqe.with_fuse(raw as u8),
            sqe.with_psdt(raw as u8),
            sqe.with_nsid(Nsid(raw as u32)),
            sqe,
            sqe.with_prps(Addr(raw), sqe.prp2()),
            sqe.with_prps(sqe.prp1(), Addr(raw)),
        ].into_iter().enumerate().filter(|(n, _)| *n != 4) {
            let field = &command::COMMON[n];
            prop_assert_eq!(changed, sqe.with(field, raw), "{}", field.name);
        }
    }

    #[test]
    fn text_gives_back_the_sqe(sqe in any_sqe(), admin in any::<bool>()) {
        let queue = if admin { QueueKind::Admin } else { QueueKind::Nvm };
        let text = to_text(&sqe, queue);
        prop_assert_eq!(from_text(&text), Ok(sqe), "{}", text);
    }

    #[test]
    fn text_of_any_kind_never_panics(text in "\\PC{0,60}", word in "[a-z0-9=x_ ]{0,40}") {
        let _ = from_text(&text);
        let _ = from_text(&format!("read {word}"));
        let _ = from_text(&format!("admin-raw {word}"));
    }

    #[test]
    fn describing_never_panics_and_names_every_field_that_is_set(sqe in any_sqe()) {
        for queue in [QueueKind::Admin, QueueKind::Nvm] {
            let words = command::describe(&sqe, queue).to_string();
            prop_assert!(!words.is_empty() && !words.contains('\n'));
            let command = command::by_opcode(queue, sqe.opcode());
            for field in command.into_iter().flat_map(|command| command.fields) {
                let name = match field.name {
                    "nlb" => " block".to_string(),
                    "entries" => " entr".to_string(),
                    name => format!("  {} ", name.trim_end_matches("_z").to_uppercase()),
                };
                let told = words.contains(&name);
                prop_assert!(told || field.read(&sqe.dw) == 0, "{}: {}", name, words);
            }
        }
    }

    #[test]
    fn values_are_total_both_ways(raw in any::<u64>(), width in 1u32..=32) {
        let cut = raw & (u64::MAX >> (64 - width));
        prop_assert_eq!(Entries::from_raw(cut, width).to_raw(width), cut);
        let version = spec::Version::from_raw(raw as u32);
        prop_assert_eq!(version.to_raw(), raw as u32);
        prop_assert_eq!(spec::Version::parse(&version.to_string()), Some(version));
    }

    #[test]
    fn doorbells_are_where_their_offsets_say(
        qid in any::<u16>(), dstrd in 0u8..=13, cq in any::<bool>(),
    ) {
        use register::DoorbellKind::{CqHead, SqTail};
        let kind = if cq { CqHead } else { SqTail };
        let offset = register::doorbell_offset(kind, qid, dstrd);
        prop_assert_eq!(register::doorbell_at(offset, dstrd), Some((kind, qid)));
        prop_assert_eq!(register::doorbell_at(offset + 1, dstrd), None);
    }

    #[test]
    fn registers_keep_every_bit(raw in any::<u64>()) {
        prop_assert_eq!(Cap::from_bits(raw).into_bits(), raw);
        let low = raw as u32;
        prop_assert_eq!(Cc::from_bits(low).into_bits(), low);
        prop_assert_eq!(Csts::from_bits(low).into_bits(), low);
        prop_assert_eq!(Aqa::from_bits(low).into_bits(), low);
        prop_assert_eq!(Crto::from_bits(low).into_bits(), low);
    }

    #[test]
    fn namespace_lists_end_at_the_first_zero(nsids in prop::collection::vec(1u32.., 0..1100)) {
        let list = NamespaceList::of(nsids.iter().map(|n| Nsid(*n)));
        let kept: Vec<u32> = list.iter().map(|nsid| nsid.0).collect();
        prop_assert_eq!(&kept[..], &nsids[..nsids.len().min(1024)]);
        prop_assert_eq!(list.entries().count(), 1024);
    }

    #[test]
    fn identification_lists_of_any_bytes_are_read_to_their_end(
        bytes in prop::collection::vec(any::<u8>(), 4096),
        nids in prop::collection::vec(
            (any::<u8>(), prop::collection::vec(any::<u8>(), 1..300)), 0..40),
    ) {
        let list = NamespaceIdentificationList(<[u8; 4096]>::try_from(bytes).unwrap());
        let read: usize = list.iter().map(|descriptor| 4 + descriptor.nid.len()).sum();
        prop_assert_eq!(read + list.rest().len(), 4096);
        let _ = list.to_string();
        // Encode, then decode: what fits comes back, cut off after 255 bytes.
        let ids = nids.iter().map(|(nidt, nid)| (Nidt(*nidt), &nid[..]));
        let list = NamespaceIdentificationList::of(ids);
        let mut left = 4096;
        let fits = |nid: &&(u8, Vec<u8>)| {
            let bytes = 4 + nid.1.len().min(255);
            let fits = bytes <= left;
            left = if fits { left - bytes } else { 0 };
            fits
        };
        let kept: Vec<_> = nids.iter().take_while(fits).collect();
        let back: Vec<_> = list.iter().collect();
        prop_assert_eq!(back.len(), kept.len());
        for (descriptor, (nidt, nid)) in back.iter().zip(kept) {
            prop_assert_eq!(descriptor.nidt, Nidt(*nidt));
            prop_assert_eq!(descriptor.nid, &nid[..nid.len().min(255)]);
            prop_assert_eq!(descriptor.reserved, [0, 0]);
        }
        prop_assert!(list.rest().iter().all(|byte| *byte == 0));
    }

    #[test]
    fn effects_pages_keep_each_dword_where_its_code_says(code in any::<u8>(), raw in any::<u32>()) {
        let at = 4 * usize::from(code);
        macro_rules! law {
            ($page:ident, $set:ident, $get:ident, $code:expr, $dword:ident, $from:literal) => {
                let mut page = $page::zeroed();
                let value = $dword::from_bits(raw);
                page.$set($code, value);
                prop_assert_eq!(page.$get($code), value);
                let mut bytes = [0; $page::BYTES];
                bytes[$from + at..$from + at + 4].copy_from_slice(&raw.to_le_bytes());
                prop_assert!(*page.bytes() == bytes);
                prop_assert_eq!(page.to_string().lines().count(), usize::from(raw != 0));
            };
        }
        law!(SupportedLogPages, set_lids, lids, spec::Lid(code), LidSupported, 0);
        law!(CommandsSupportedAndEffects, set_acs, acs, code, CommandEffects, 0);
        law!(CommandsSupportedAndEffects, set_iocs, iocs, code, CommandEffects, 1024);
        law!(
            FeatureIdentifiersSupportedAndEffects, set_fis, fis, spec::Fid(code), FidEffects, 0
        );
        law!(NvmeMiCommandsSupportedAndEffects, set_mics, mics, code, CommandEffects, 0);
    }

    #[test]
    fn prp_shapes_cover_the_data(first in any::<u32>(), bytes in 1u64..1 << 24, mps in 0u32..5) {
        let (first, page) = (Addr(u64::from(first)), 4096u64 << mps);
        let pages = prp::pages(first, Bytes(bytes), page);
        let last = first.0 + bytes - 1;
        prop_assert_eq!(pages, last / page - first.0 / page + 1);
        let by_prp2 = match prp::prp2(first, Bytes(bytes), page) {
            prp::Prp2::Unused => 1,
            prp::Prp2::Page => 2,
            prp::Prp2::List { entries } => entries + 1,
        };
        prop_assert_eq!(by_prp2, pages);
    }

    #[test]
    fn list_pages_are_those_of_a_walk(slot in 0u64..512, entries in 0u64..5000) {
        let mut list = Addr(0x10_0000 + slot * 8);
        let (mut left, mut walked) = (entries, u64::from(entries > 0));
        while let Some(chain) = prp::chain_slot(list, left, 4096) {
            left -= chain;
            list = Addr(0x20_0000);
            walked += 1;
        }
        prop_assert!(left <= prp::slots(list, 4096));
        prop_assert_eq!(prp::list_pages(Addr(0x10_0000 + slot * 8), entries, 4096), walked);
    }
}

/// The offset table of a structure is in order, inside it and without overlap; every getter and
/// setter touches the bytes of its row alone; reserved ranges are what is left.
macro_rules! structure_laws {
    ($($law:ident: $name:ident [$size:literal]),* $(,)?) => {$(
        #[test]
        fn $law() {
            let mut at = 0;
            for field in $name::FIELDS {
                assert!(field.bytes > 0 && field.offset >= at, "{}.{}", $name::NAME, field.name);
                at = field.range().end;
            }
            assert!(at <= $size);
            let reserved = $name::reserved_ranges();
            let covered: usize = $name::FIELDS.iter().map(|field| field.bytes).sum();
            let left: usize = reserved.iter().map(|gap| gap.len()).sum();
            assert_eq!(covered + left, $size);

            proptest!(|(seed in any::<[u8; 32]>(), odd in 1u8..)| {
                // Each byte differs from its neighbours, or a shifted range would not show.
                let bytes: [u8; $size] = std::array::from_fn(|n| {
                    seed[n % 32] ^ (n as u8).wrapping_mul(odd | 1) ^ (n >> 8) as u8
                });
                let structure = $name(&bytes);
                let mut expected = bytes;
                reserved.iter().for_each(|gap| expected[gap.clone()].fill(0));
                prop_assert_eq!(structure.without_reserved().0, expected);
                prop_assert_eq!(structure.bytes(), &bytes);
                let shown = structure.to_string();
                for field in $name::FIELDS {
                    let told = shown.contains(field.name);
                    let set = bytes[field.range()].iter().any(|byte| *byte != 0);
                    prop_assert!(told || !set, "{} is not shown", field.name);
                }
            });
            assert_eq!($name::zeroed().to_string(), "");
        }
    )*};
}
structure_laws! {
    identify_controller: IdentifyController [4096],
    identify_namespace: IdentifyNamespace [4096],
    nvm_identify_controller: NvmIdentifyController [4096],
    nvm_identify_namespace: NvmIdentifyNamespace [4096],
    independent_identify_namespace: IndependentIdentifyNamespace [4096],
    power_state: PowerState [32],
    error_information: ErrorInformation [64],
    smart_health: SmartHealth [512],
    firmware_slot: FirmwareSlot [512],
}

#[test]
fn tables_have_no_double_entries() {
    fn unique<T: Ord>(items: impl Iterator<Item = T>, table: &str) {
        let all: Vec<T> = items.collect();
        let len = all.len();
        assert_eq!(all.into_iter().collect::<BTreeSet<T>>().len(), len, "{table}");
    }
    unique(Status::TABLE.iter().map(|row| row.0), "status values");
    unique(Status::TABLE.iter().map(|row| row.2), "status names");
    use spec::opcode::{admin, key_value, local_memory, nvm, programs, zoned};
    for table in [admin::TABLE, key_value::TABLE, local_memory::TABLE, programs::TABLE] {
        unique(table.iter().map(|row| row.opcode), "opcodes");
        unique(table.iter().map(|row| row.name), "opcode names");
    }
    // The zoned set adds to the NVM set, so they share one table of opcodes.
    unique(nvm::TABLE.iter().chain(zoned::TABLE).map(|row| row.opcode), "NVM and zoned opcodes");
    unique(spec::Fid::TABLE.iter().map(|row| row.0), "features");
    unique(spec::Lid::TABLE.iter().map(|row| row.0), "log pages");
    unique(spec::Cns::TABLE.iter().map(|row| row.0), "CNS values");
    unique(spec::Cns::TABLE.iter().map(|row| row.1), "CNS names");
    unique(spec::event::TABLE.iter().map(|event| (event.aet, event.aei)), "events");
    for event in spec::event::TABLE {
        assert_eq!(event.dword0().def(), Some(event));
        assert!(event.lid.is_none_or(|lid| lid.name().is_some()), "{}", event.name);
    }
}

#[test]
fn registers_do_not_overlap_and_leave_the_reserved_gaps() {
    let mut at = 0;
    let mut gaps = Vec::new();
    for def in register::TABLE {
        assert!(def.offset >= at && def.offset % def.bytes == 0, "{}", def.name);
        if def.offset > at {
            gaps.push(at..def.offset);
        }
        at = def.offset + def.bytes;
    }
    gaps.push(at..register::DOORBELLS);
    // Base-2.3 figure 35.
    assert_eq!(gaps, [0x18..0x1c, 0x6c..0xe00, 0xe1c..0x1000]);
    assert_eq!(register::property_at(0x2c).map(|def| def.name), Some("ASQ"));
    assert_eq!(register::property_at(0x18), None);
}

#[test]
fn reserved_ranges_of_identify_are_those_of_the_figures() {
    // Base-2.3 figure 328; bytes 252:240 are the management interface's reserved bytes.
    assert_eq!(
        IdentifyController::reserved_ranges(),
        [
            103..104,
            108..110,
            144..253,
            359..360,
            362..368,
            396..512,
            577..578,
            588..768,
            1024..1792,
            1808..2048,
        ]
    );
    // NVM-1.0 figure 97, less what later revisions put into bytes 91:81.
    assert_eq!(IdentifyNamespace::reserved_ranges(), [83..84, 88..92, 96..99]);
    assert_eq!(ErrorInformation::reserved_ranges(), vec![(42..63)]);
    assert_eq!(PowerState::reserved_ranges(), [2..3, 19..20, 30..32]);
    assert_eq!(IndependentIdentifyNamespace::reserved_ranges(), [9..10, 18..20, 24..4096]);
    assert_eq!(NvmIdentifyNamespace::reserved_ranges(), [10..12, 296..4096]);
    assert_eq!(NvmIdentifyController::reserved_ranges(), vec![(25..4096)]);
    assert_eq!(SmartHealth::reserved_ranges(), [7..32, 244..512]);
    assert_eq!(FirmwareSlot::reserved_ranges(), [1..8, 64..512]);
}
