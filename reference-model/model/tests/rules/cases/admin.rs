//! Cases of the admin commands: dword 0, NSID, queues, features.

use super::*;

pub fn dword_0(c: &mut Cases) {
    for sqe in good_commands() {
        let is_io = sqe.dw[3] == IO_MARK;
        let data = match sqe.opcode() {
            0x09 | 0x0a if !is_io => Possible,
            opcode if opcode & 3 != 0 => Sure,
            _ => Possible,
        };
        c.changed(common::CID_CONFLICT, Sure, sqe, |s| s.others.same_cid = 1);
        c.add(common::FUSE_UNSUPPORTED, sqe, sqe.with_fuse(1));
        c.add_in(common::FUSE_UNPAIRED, Possible, sqe, sqe.with_fuse(2), |s| s.claims().fuses = 1);
        c.add(common::FUSE_RESERVED, sqe, sqe.with_fuse(3));
        c.add_in(common::PSDT_RESERVED, data, sqe, sqe.with_psdt(3), |_| {});
        let psdt = if is_io { common::PSDT_WITHOUT_SGL } else { common::PSDT_ADMIN };
        c.add_in(psdt, data, sqe, sqe.with_psdt(1), |_| {});
        let mut reserved = sqe;
        reserved.dw[0] |= 1 << 12;
        c.add(common::RESERVED_BITS, sqe, reserved);
    }
}

pub fn nsids(c: &mut Cases) {
    for sqe in
        good_commands().into_iter().filter(|sqe| matches!(sqe.opcode(), 0 | 1 | 4 | 5 | 8 | 12))
    {
        if sqe.dw[3] != IO_MARK {
            c.add(common::NSID_UNUSED, sqe, sqe.with_nsid(Nsid(1)));
        }
    }
    for sqe in [io(good::read()), io(good::write()), io(good::flush())] {
        c.add(common::NSID_INVALID, sqe, sqe.with_nsid(Nsid(0)));
        c.add(common::NSID_INVALID, sqe, sqe.with_nsid(Nsid(5)));
        c.add(common::NSID_INACTIVE, sqe, sqe.with_nsid(Nsid(3)));
    }
    for sqe in [io(good::read()), io(good::write())] {
        c.add(common::NSID_BROADCAST, sqe, sqe.with_nsid(Nsid::BROADCAST));
    }
    let namespace = good::identify(Cns::IDENTIFY_NAMESPACE, 3);
    c.add(common::NSID_INVALID, namespace, Identify { nsid: Nsid(0), ..namespace });
    c.add(common::NSID_INVALID, namespace, Identify { nsid: Nsid(5), ..namespace });
    for fid in [Fid::VOLATILE_WRITE_CACHE, Fid::NUMBER_OF_QUEUES] {
        let get = good::get_features(fid);
        c.add_in(common::NSID_INVALID, Possible, get, GetFeatures { nsid: Nsid(9), ..get }, |_| {});
    }
    let set = good::set_features(Fid::VOLATILE_WRITE_CACHE, 0);
    c.add_in(common::NSID_INVALID, Possible, set, SetFeatures { nsid: Nsid(9), ..set }, |_| {});
    let set = good::set_features(Fid::NUMBER_OF_QUEUES, 0x0003_0003);
    c.add_in(common::NSID_INVALID, Possible, set, SetFeatures { nsid: Nsid(9), ..set }, no_queues);
}

pub fn create_sq(c: &mut Cases) {
    use create_io_sq::*;
    let ok = good::create_io_sq();
    c.add(PRP1_OFFSET, ok, CreateIoSq { prp1: Addr(0x12_0008), ..ok });
    c.add(prp::LOW_BITS, ok, CreateIoSq { prp1: Addr(0x12_0002), ..ok });
    c.add(QSIZE, ok, CreateIoSq { entries: Entries(1), ..ok });
    c.add(
        QSIZE,
        CreateIoSq { entries: Entries(64), ..ok },
        CreateIoSq { entries: Entries(65), ..ok },
    );
    c.changed(BEFORE_IOSQES, Sure, ok, |s| s.controller().cc.set_iosqes(0));
    c.add(QID_ADMIN, ok, CreateIoSq { qid: Qid(0), ..ok });
    c.add(QID_RANGE, CreateIoSq { qid: Qid(4), ..ok }, CreateIoSq { qid: Qid(5), ..ok });
    c.add(QID_IN_USE, ok, CreateIoSq { qid: Qid(1), ..ok });
    c.add(CQID_ADMIN, ok, CreateIoSq { cqid: Qid(0), ..ok });
    c.add(CQID_RANGE, ok, CreateIoSq { cqid: Qid(5), ..ok });
    c.add(CQID_NOT_CREATED, CreateIoSq { cqid: Qid(2), ..ok }, CreateIoSq { cqid: Qid(3), ..ok });
    c.changed(NVMSETID, Possible, CreateIoSq { nvmsetid: 1, ..ok }, |s| s.claims().ctratt = 1 << 8);
    let contiguous_only = |s: &mut Scene| s.controller().cap.as_mut().unwrap().set_cqr(true);
    let scattered = CreateIoSq { pc: false, prp1: LIST, ..ok };
    c.add_in(PC_WITH_CQR, Sure, ok, scattered, |s| {
        contiguous_only(s);
        s.memory.write(LIST, &0x30_0000u64.to_le_bytes());
    });
    // 64 entries of 64 bytes are one page: the list has one entry.
    let one_page = CreateIoSq { entries: Entries(64), ..scattered };
    c.push(
        PRP1_OFFSET,
        Sure,
        (one_page.into(), Scene::new().with(|s| s.memory.write(LIST, &0x30_0000u64.to_le_bytes()))),
        (one_page.into(), Scene::new().with(|s| s.memory.write(LIST, &0x30_0010u64.to_le_bytes()))),
    );
}

pub fn create_cq(c: &mut Cases) {
    use create_io_cq::*;
    let ok = good::create_io_cq();
    c.add(PRP1_OFFSET, ok, CreateIoCq { prp1: Addr(0x13_0008), ..ok });
    c.add(prp::LOW_BITS, ok, CreateIoCq { prp1: Addr(0x13_0001), ..ok });
    c.add(
        QSIZE_ZERO,
        CreateIoCq { entries: Entries(2), ..ok },
        CreateIoCq { entries: Entries(1), ..ok },
    );
    let most = CreateIoCq { entries: Entries(64), ..ok };
    c.add(QSIZE_ABOVE_MQES, most, CreateIoCq { entries: Entries(65), ..ok });
    c.changed(BEFORE_IOCQES, Sure, ok, |s| s.controller().cc.set_iocqes(0));
    c.add(QID_ADMIN, ok, CreateIoCq { qid: Qid(0), ..ok });
    c.add(QID_RANGE, CreateIoCq { qid: Qid(4), ..ok }, CreateIoCq { qid: Qid(5), ..ok });
    c.add(QID_IN_USE, ok, CreateIoCq { qid: Qid(2), ..ok });
    c.add(IV_RANGE, CreateIoCq { iv: 3, ..ok }, CreateIoCq { iv: 5, ..ok });
    c.add_in(IV_RANGE, Possible, ok, CreateIoCq { iv: 4, ..ok }, |_| {});
    let without = |s: &mut Scene| s.controller().msix = None;
    c.add_in(
        IV_WITHOUT_MESSAGES,
        Sure,
        CreateIoCq { iv: 0, ..ok },
        CreateIoCq { iv: 1, ..ok },
        without,
    );
    let scattered = CreateIoCq { pc: false, prp1: LIST, ..ok };
    let list = |entry: u64| move |s: &mut Scene| s.memory.write(LIST, &entry.to_le_bytes());
    c.add_in(PC_WITH_CQR, Sure, ok, scattered, |s| {
        s.controller().cap.as_mut().unwrap().set_cqr(true);
        list(0x30_0000)(s);
    });
    let good = (scattered.into(), Scene::new().with(list(0x30_0000)));
    c.push(PRP_LIST_OFFSET, Sure, good, (scattered.into(), Scene::new().with(list(0x30_0800))));
}

pub fn deletes(c: &mut Cases) {
    let sq = good::delete_io_sq();
    c.add(delete_io_sq::QID, sq, DeleteIoSq { qid: Qid(0) });
    c.add(delete_io_sq::QID, sq, DeleteIoSq { qid: Qid(2) });
    let cq = good::delete_io_cq();
    c.add(delete_io_cq::QID, cq, DeleteIoCq { qid: Qid(0) });
    c.add(delete_io_cq::QID, cq, DeleteIoCq { qid: Qid(3) });
    c.add(delete_io_cq::SQ_ATTACHED, cq, DeleteIoCq { qid: Qid(1) });
}

fn no_queues(s: &mut Scene) {
    let controller = s.controller();
    controller.io_sqs = Default::default();
    controller.io_cqs = Default::default();
}

pub fn features(c: &mut Cases) {
    for fid in [Fid::VOLATILE_WRITE_CACHE, Fid::NUMBER_OF_QUEUES] {
        let get = good::get_features(fid);
        c.add(
            get_features::SEL_RESERVED,
            GetFeatures { sel: 3, ..get },
            GetFeatures { sel: 4, ..get },
        );
        let without = |s: &mut Scene| s.claims().oncs = 0;
        c.add_in(common::RESERVED_BITS, Sure, get, GetFeatures { sel: 1, ..get }, without);
        let set = good::set_features(fid, 1);
        c.add_in(
            set_features::NSID_CONTROLLER_SCOPE,
            Sure,
            SetFeatures { nsid: Nsid::BROADCAST, ..set },
            SetFeatures { nsid: Nsid(1), ..set },
            no_queues,
        );
        // An identifier above NN.
        c.add_in(
            set_features::NSID_CONTROLLER_SCOPE,
            Possible,
            set,
            SetFeatures { nsid: Nsid(9), ..set },
            no_queues,
        );
        let save = SetFeatures { sv: true, ..set };
        c.add_in(set_features::SAVE_WITHOUT_SUPPORT, Sure, set, save, |s| {
            no_queues(s);
            s.claims().oncs = 0;
        });
        let told = move |bits: u32| {
            move |s: &mut Scene| {
                no_queues(s);
                let feature =
                    Feature { capabilities: Some(bits), current: Some(0), ..Default::default() };
                match fid {
                    Fid::NUMBER_OF_QUEUES => s.controller().number_of_queues = feature,
                    _ => s.controller().volatile_write_cache = feature,
                }
            }
        };
        c.add_in(set_features::NOT_SAVEABLE, Sure, set, save, told(0b100));
        let sets = |bits| (Sqe::from(set), Scene::new().with(told(bits)));
        c.push(set_features::NOT_CHANGEABLE, Sure, sets(0b101), sets(0b001));
        // Setting the value that the feature already has.
        let same =
            |bits| (Sqe::from(SetFeatures { cdw11: 0, ..set }), Scene::new().with(told(bits)));
        c.push(set_features::NOT_CHANGEABLE, Possible, same(0b101), same(0b001));
        let mut reserved = Sqe::from(set);
        reserved.dw[13] = 1;
        c.add_in(common::RESERVED_BITS, Sure, set, reserved, no_queues);
    }
    let without = |s: &mut Scene| s.claims().vwc = 6;
    let get = good::get_features(Fid::VOLATILE_WRITE_CACHE);
    c.changed(volatile_write_cache::GET_WITHOUT_VWC, Sure, get, without);
    let set = good::set_features(Fid::VOLATILE_WRITE_CACHE, 1);
    c.changed(volatile_write_cache::SET_WITHOUT_VWC, Sure, set, without);
    number_of_queues_cases(c);
}

fn number_of_queues_cases(c: &mut Cases) {
    use number_of_queues::*;
    let set = good::set_features(Fid::NUMBER_OF_QUEUES, 0x0003_0003);
    let good = (Sqe::from(set), Scene::new().with(no_queues));
    c.push(AFTER_CREATION, Sure, good, (set.into(), Scene::new()));
    let deleted = Scene::new().with(|s| {
        no_queues(s);
        s.controller().io_queue_was_created = true;
    });
    c.push(
        AFTER_CREATION,
        Possible,
        (set.into(), Scene::new().with(no_queues)),
        (set.into(), deleted),
    );
    for bad in [0xffff_0000, 0x0000_ffff] {
        c.add_in(FFFF, Sure, set, SetFeatures { cdw11: bad, ..set }, no_queues);
    }
    // Dword 0 of a command that cannot be good while queues exist.
    let set = Sqe::from(set);
    c.add_in(common::FUSE_UNSUPPORTED, Sure, set, set.with_fuse(2), no_queues);
    c.add_in(common::FUSE_RESERVED, Sure, set, set.with_fuse(3), no_queues);
    c.add_in(common::PSDT_ADMIN, Possible, set, set.with_psdt(2), no_queues);
    c.add_in(common::PSDT_RESERVED, Possible, set, set.with_psdt(3), no_queues);
    c.add_in(common::FUSE_UNPAIRED, Possible, set, set.with_fuse(1), |s| {
        no_queues(s);
        s.claims().fuses = 1;
    });
    let busy = Scene::new().with(|s| {
        no_queues(s);
        s.others.same_cid = 1;
    });
    c.push(common::CID_CONFLICT, Sure, (set, Scene::new().with(no_queues)), (set, busy));
}
