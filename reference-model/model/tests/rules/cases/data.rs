//! Cases of commands that return or move data, of events, and of what is not defined.

use std::sync::Arc;

use model::lives::Kept;

use super::*;

pub fn returned_data(c: &mut Cases) {
    let controller = good::identify(Cns::IDENTIFY_CONTROLLER, 0);
    c.add(identify::NSID_UNUSED, controller, Identify { nsid: Nsid(1), ..controller });
    c.add(common::RESERVED_BITS, controller, Identify { csi: 1, ..controller });
    let list = good::identify(Cns::ACTIVE_NAMESPACE_ID_LIST, 0xffff_fffd);
    let after = |nsid: u32| Identify { nsid: Nsid(nsid), ..list };
    c.add(identify_active_list::NSID_RANGE, list, after(0xffff_fffe));
    c.add(identify_active_list::NSID_RANGE, list, after(0xffff_ffff));
    let namespace = good::identify(Cns::IDENTIFY_NAMESPACE, 1);
    let all = Identify { nsid: Nsid::BROADCAST, ..namespace };
    c.add_in(common::NSID_INVALID, Possible, namespace, all, |_| {});
    // Up to 2.0 both the rule of the structure and the general tolerance speak of FFFFFFFFh.
    let up_to_2_0 = Scene::new().with(|s| s.revision(2, 0));
    let managed = up_to_2_0.clone().with(|s| s.claims().oacs = 1 << 3);
    c.push(
        identify_namespace::BROADCAST_REFUSED,
        Sure,
        (all.into(), managed),
        (all.into(), up_to_2_0),
    );
}

/// Structures of namespaces and of command sets.
pub fn structures(c: &mut Cases) {
    let descriptors = good::identify(Cns::NAMESPACE_IDENTIFICATION_DESCRIPTOR_LIST, 1);
    let of = |id: Identify, nsid: u32| Identify { nsid: Nsid(nsid), ..id };
    let all = of(descriptors, u32::MAX);
    c.add(identify_descriptors::NSID_RANGE, descriptors, all);
    c.add(identify_descriptors::NSID_INACTIVE, descriptors, of(descriptors, 3));
    c.add_in(common::NSID_BROADCAST, Sure, descriptors, all, |s| s.revision(2, 2));
    let namespace = good::identify(Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_NAMESPACE, 1);
    let independent = good::identify(Cns::IO_COMMAND_SET_INDEPENDENT_IDENTIFY_NAMESPACE, 1);
    for id in [descriptors, namespace, independent] {
        c.add(common::NSID_INVALID, id, of(id, 0));
        c.add(common::NSID_INVALID, id, of(id, 5));
        c.changed(common::RESERVED_BITS, Sure, id, |s| s.revision(1, 2));
    }
    let old = |s: &mut Scene| s.revision(2, 0);
    let refused = [
        (namespace, identify_nvm_namespace::BROADCAST_REFUSED),
        (independent, identify_independent::BROADCAST_REFUSED),
    ];
    for (id, req) in refused {
        c.add_in(req, Sure, id, of(id, u32::MAX), old);
    }
    let other = |id: Identify, csi: u8| Identify { csi, ..id };
    c.add(identify_nvm_namespace::CSI_UNSUPPORTED, namespace, other(namespace, 2));
    c.add_in(
        identify_nvm_namespace::CSI_UNSUPPORTED,
        Possible,
        namespace,
        other(of(namespace, 3), 2),
        |_| {},
    );
    // Zoned namespaces have the structure of the NVM command set too.
    c.push(
        identify_nvm_namespace::CSI_UNSUPPORTED,
        Sure,
        (namespace.into(), Scene::new().with(|s| several_sets(s, 2))),
        (other(namespace, 1).into(), Scene::new().with(|s| several_sets(s, 2))),
    );
    let controller = good::identify(Cns::IO_COMMAND_SET_SPECIFIC_IDENTIFY_CONTROLLER, 0);
    c.add(identify::NSID_UNUSED, controller, of(controller, 1));
    let list = good::identify(Cns::IO_COMMAND_SET_SPECIFIC_ACTIVE_NAMESPACE_ID_LIST, 0);
    let last = of(list, 0xffff_fffd);
    c.add(identify_io_active_list::NSID_RANGE, last, of(list, 0xffff_fffe));
    let sets = [
        (controller, identify_nvm_controller::CSI_UNSUPPORTED),
        (list, identify_io_active_list::CSI_UNSUPPORTED),
    ];
    for (id, req) in sets {
        c.add(req, id, other(id, 2));
        c.add(req, id, other(id, 0x2f));
        c.add_in(req, Possible, id, other(id, 2), |s| several_sets(s, 0));
    }
}

/// Several command sets are supported, and namespace 1 is of set `csi`.
fn several_sets(s: &mut Scene, csi: u8) {
    s.controller().cap.as_mut().unwrap().set_css(0x41);
    s.world.namespace_mut(Nsid(1)).csi = Some(csi);
}

/// Log pages, from any offset.
pub fn pages(c: &mut Cases) {
    use get_log_page::*;
    let sizes = [
        (Lid::ERROR_INFORMATION, 1024),
        (Lid::SMART_HEALTH_INFORMATION, 512),
        (Lid::FIRMWARE_SLOT_INFORMATION, 512),
        (Lid::COMMANDS_SUPPORTED_AND_EFFECTS, 4096),
        (Lid::SUPPORTED_LOG_PAGES, 1024),
        (Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS, 1024),
        (Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS, 4096),
    ];
    for (lid, size) in sizes {
        let log = good::page(lid);
        let owned = if lid == Lid::SMART_HEALTH_INFORMATION { smart::NSID } else { NSID };
        let broadcast = GetLogPage { nsid: Nsid::BROADCAST, ..log };
        c.add(owned, broadcast, GetLogPage { nsid: Nsid(1), ..log });
        c.add(OFFSET_UNALIGNED, GetLogPage { lpo: 64, ..log }, GetLogPage { lpo: 66, ..log });
        c.add(OFFSET_BEYOND, log, GetLogPage { lpo: size + 4, ..log });
        c.add(OFFSET_AT_END, log, GetLogPage { lpo: size, ..log });
        c.add_in(INDEX_OFFSET, Possible, log, GetLogPage { ot: true, ..log }, |_| {});
        let short = |s: &mut Scene| s.claims().lpa = 0;
        let beyond_12_bits = GetLogPage { lpo: 4, ..log };
        let old_effects = lid == Lid::COMMANDS_SUPPORTED_AND_EFFECTS;
        if !old_effects {
            c.add_in(common::RESERVED_BITS, Sure, log, beyond_12_bits, short);
        }
        if size != 512 && lid != Lid::ERROR_INFORMATION {
            let bare = |s: &mut Scene| s.controller().claims = None;
            c.add_in(LID_UNKNOWN, Possible, log, log, |_| {});
            c.add_in(LID_UNKNOWN_BEFORE_2_3, Possible, log, log, move |s| {
                s.revision(2, 1);
                bare(s);
            });
        }
    }
    let smart = good::page(Lid::SMART_HEALTH_INFORMATION);
    let of_one = GetLogPage { nsid: Nsid(1), ..smart };
    c.add_in(common::NSID_INVALID, Possible, smart, of_one, |s| s.claims().lpa = 5);
    let effects = good::page(Lid::COMMANDS_SUPPORTED_AND_EFFECTS);
    let has = Scene::new().with(|s| {
        s.revision(2, 1);
        s.claims().lpa = 2 | 4;
    });
    let lacks = has.clone().with(|s| s.claims().lpa = 4);
    c.push(LID_UNKNOWN_BEFORE_2_3, Sure, (effects.into(), has), (effects.into(), lacks));
}

/// Pages and features of which only the identifier is modelled, and the lists that name them.
pub fn by_name(c: &mut Cases) {
    use get_log_page::*;
    let page = good::page(Lid::DEVICE_SELF_TEST);
    let unlisted = |lid: Lid| {
        move |s: &mut Scene| {
            let (bytes, lives) = (Arc::from([0; 1024]), s.controller().lives);
            s.controller().kept_pages.push((lid, Kept { bytes, lives }));
        }
    };
    let pages = unlisted(Lid::SUPPORTED_LOG_PAGES);
    c.changed(LID_UNKNOWN, Sure, page, pages);
    c.add_in(LID_UNKNOWN, Possible, page, page, |_| {});
    let old = Scene::new().with(|s| s.revision(2, 1));
    let refuses = old.clone().with(pages);
    c.push(LID_UNKNOWN_BEFORE_2_3, Sure, (page.into(), old), (page.into(), refuses));
    c.add_in(PAGE_PARAMETERS, Possible, page, page, |_| {});
    let get = good::get_features(Fid::TIMESTAMP);
    c.changed(
        get_features::FID_UNKNOWN,
        Sure,
        get,
        unlisted(Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS),
    );
    c.add_in(get_features::FID_UNKNOWN, Possible, get, get, |_| {});
    c.add(get_features::SEL_RESERVED, get, GetFeatures { sel: 4, ..get });
    let without = |s: &mut Scene| s.claims().oncs = 0;
    c.add_in(common::RESERVED_BITS, Sure, get, GetFeatures { sel: 3, ..get }, without);
    c.add_in(common::NSID_INVALID, Possible, get, GetFeatures { nsid: Nsid(9), ..get }, |_| {});
}

pub fn events_and_aborts(c: &mut Cases) {
    let aer = AsyncEventRequest {};
    c.changed(async_event_request::LIMIT, Sure, aer, |s| s.others.aers = 4);
    let abort = Abort { sqid: Qid(1), cid: Cid(7) };
    c.changed(abort::LIMIT, Sure, abort, |s| s.others.aborts = 4);
    c.add_in(abort::SQID_UNKNOWN, Possible, abort, Abort { sqid: Qid(2), ..abort }, |_| {});
}

pub fn blocks(c: &mut Cases) {
    let (read, write) = (good::read(), good::write());
    let last = Read { slba: Lba(999), nlb: Entries(1), ..read };
    c.add(common::LBA_RANGE, io(last), io(Read { nlb: Entries(2), ..last }));
    c.add(common::LBA_RANGE, io(last), io(Read { slba: Lba(u64::MAX), ..last }));
    let last = Write { slba: Lba(999), nlb: Entries(1), ..write };
    c.add(common::LBA_RANGE, io(last), io(Write { slba: Lba(1000), ..last }));
    c.add(common::PRINFO_WITHOUT_PI, io(read), io(Read { prinfo: 15, ..read }));
    c.add(common::PRINFO_WITHOUT_PI, io(write), io(Write { prinfo: 8, ..write }));
    let hint = Read { dsm: 0x40, ..read };
    c.add_in(common::DSM_HINTS, Possible, io(hint), io(Read { dsm: 0x4f, ..read }), |_| {});
    let hint = Write { dsm: 6, ..write };
    c.add_in(common::DSM_HINTS, Possible, io(hint), io(Write { dsm: 7, ..write }), |_| {});
    fn claims(s: &mut Scene) -> &mut model::state::NamespaceClaims {
        s.world.namespace_mut(Nsid(1)).claims.as_mut().unwrap()
    }
    c.changed(write::PROTECTED, Possible, io(write), |s| claims(s).nsattr = 1);
    c.changed(write::THIN_PROVISIONING, Possible, io(write), |s| claims(s).nsfeat = 1);
    let flush = good::flush();
    let all = Flush { nsid: Nsid::BROADCAST };
    c.changed(flush::BROADCAST_UNSUPPORTED, Sure, io(all), |s| s.claims().vwc = 5);
    c.add_in(flush::BROADCAST_OPEN, Possible, io(flush), io(all), |s| s.claims().vwc = 1);
}

/// The data pointer of every command that has one.
pub fn prps(c: &mut Cases) {
    let read = |nlb, prp1, prp2| {
        io(Read { nlb: Entries(nlb), prp1: Addr(prp1), prp2: Addr(prp2), ..good::read() })
    };
    let write = |nlb, prp1, prp2| {
        io(Write { nlb: Entries(nlb), prp1: Addr(prp1), prp2: Addr(prp2), ..good::write() })
    };
    let log = |lid: u8, nlb: u16, prp1, prp2| {
        let long = GetLogPage { prp1: Addr(prp1), prp2: Addr(prp2), ..good::page(Lid(lid)) };
        long.with_bytes(spec::Bytes(512 * u64::from(nlb))).into()
    };
    type Make<'a> = &'a dyn Fn(u16, u64, u64) -> Sqe;
    let read: Make = &|n, a, b| read(u32::from(n), a, b);
    let write: Make = &|n, a, b| write(u32::from(n), a, b);
    let logs = [0, 1, 2, 3, 5, 6, 0x12, 0x13].map(|lid| move |n, a, b| log(lid, n, a, b));
    let (data, second, list) = (0x20_0000, 0x21_0000, LIST.0);
    for make in [read, write].into_iter().chain(logs.iter().map(|log| -> Make { log })) {
        c.add(prp::LOW_BITS, make(8, data, 0), make(8, data + 1, 0));
        c.add_in(prp::PRP2_UNUSED, Possible, make(8, data, 0), make(8, data, second), |_| {});
        c.add(prp::PRP2_OFFSET, make(8, data + 8, second), make(8, data + 8, second + 8));
        // Four pages of 4 KiB: three entries in the list.
        let in_order = |s: &mut Scene| write_list(s, list, &[0x30_0000, 0x31_0000, 0x32_0000]);
        let four = make(32, data, list);
        c.add_in(prp::LIST_POINTER_UNALIGNED, Sure, four, make(32, data, list + 4), |s| {
            in_order(s);
            // Bits 2:0 of the pointer taken as 0 lead to the same list.
        });
        let scene = |entries: &[u64]| Scene::new().with(|s| write_list(s, list, entries));
        c.push(
            prp::LIST_ENTRY_OFFSET,
            Sure,
            (four, Scene::new().with(in_order)),
            (four, scene(&[0x30_0000, 0x31_0010, 0x32_0000])),
        );
        // A list that starts in the last slot but one: its second entry leads on.
        let late = list + 0xff0;
        let chained = |chain: u64| {
            Scene::new().with(move |s| {
                write_list(s, late, &[0x30_0000, chain]);
                write_list(s, 0x2e_0000, &[0x31_0000, 0x32_0000]);
            })
        };
        let four = make(32, data, late);
        let chain_is_bad =
            chained(0x2e_0010).with(|s| write_list(s, 0x2e_0010, &[0x31_0000, 0x32_0000]));
        c.push(prp::LIST_CHAIN_OFFSET, Sure, (four, chained(0x2e_0000)), (four, chain_is_bad));
        c.changed(prp::UNMAPPED, Possible, make(8, data, 0), |s| {
            s.memory.map(Addr(0x10_0000), 0x1000, log::Perm::Both);
        });
        let most: Vec<u64> = (1..9).map(|n| 0x30_0000 + n * 0x1000).collect();
        let (at, above) = (make(64, data, list), make(65, data, list));
        c.add_in(common::MDTS, Sure, at, above, |s| write_list(s, list, &most));
    }
    for cns in [0, 1, 2, 3, 5, 6, 7, 8].map(Cns) {
        let nsid = u32::from(matches!(cns.0, 0 | 3 | 5 | 8));
        let ok =
            Identify { prp1: Addr(data + 16), prp2: Addr(second), ..good::identify(cns, nsid) };
        c.add(prp::LOW_BITS, ok, Identify { prp1: Addr(data + 18), ..ok });
        c.add(prp::PRP2_OFFSET, ok, Identify { prp2: Addr(second + 16), ..ok });
        let one = Identify { prp1: Addr(data), prp2: Addr(0), ..ok };
        c.add_in(prp::PRP2_UNUSED, Possible, one, Identify { prp2: Addr(8), ..one }, |_| {});
        c.changed(prp::UNMAPPED, Possible, one, |s| s.memory.map(Addr(0), 1, log::Perm::Both));
    }
}

fn write_list(s: &mut Scene, at: u64, entries: &[u64]) {
    for (n, entry) in entries.iter().enumerate() {
        s.memory.write(Addr(at + 8 * n as u64), &entry.to_le_bytes());
    }
}

pub fn undefined(c: &mut Cases) {
    let get = good::get_features(Fid::VOLATILE_WRITE_CACHE);
    c.add(get_features::FID_UNKNOWN, get, GetFeatures { fid: Fid(0), ..get });
    let set = good::set_features(Fid::VOLATILE_WRITE_CACHE, 1);
    c.add(set_features::FID_UNKNOWN, set, SetFeatures { fid: Fid(0xbf), ..set });
    let id = good::identify(Cns::IDENTIFY_CONTROLLER, 0);
    c.add(identify::CNS_UNKNOWN, id, Identify { cns: Cns(0x0f), ..id });
    let log = good::get_log_page();
    c.add(get_log_page::LID_UNKNOWN, log, GetLogPage { lid: Lid(0x6f), ..log });
    let old = |s: &mut Scene| s.revision(2, 0);
    let unknown = GetLogPage { lid: Lid(0x6f), ..log };
    c.add_in(get_log_page::LID_UNKNOWN_BEFORE_2_3, Sure, log, unknown, old);
    let abort: Sqe = Abort { sqid: Qid(1), cid: Cid(7) }.into();
    c.add(common::OPCODE, abort, Sqe::new(0xbf));
    c.add(common::OPCODE, io(good::flush()), io(Sqe::new(0x7e)));
}
