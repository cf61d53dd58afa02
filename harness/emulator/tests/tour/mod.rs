//! A session that goes wherever a planted defect can show.

use dut::{Ctrl, Dut};
use lockstep_emulator::Config;
use lockstep_emulator::seam::Defect;
use log::ResetKind;
use spec::command::*;
use spec::feature::{TemperatureThreshold, VolatileWriteCache};
use spec::register::{self, DoorbellKind};
use spec::{Addr, Bytes, Cid, Cns, Entries, Fid, Lba, Lid, Nsid, Qid, Sqe};

use crate::common::{DATA, ENTRIES, TestHost};

/// A host that goes everywhere and does not mind what it meets; what it saw.
pub fn session(config: Config, defect: &'static dyn Defect) -> Vec<String> {
    let mut tour = Tour { host: TestHost::with_defect(config, defect), seen: Vec::new() };
    tour.host.start();
    tour.host.wait_csts(|csts| csts.rdy());
    tour.properties();
    tour.features();
    tour.queues();
    tour.data();
    tour.refusals();
    tour.structures();
    tour.events();
    tour.abort();
    tour.resets();
    tour.full_queue();
    tour.queue_shapes();
    tour.transfers();
    tour.second_life();
    tour.power();
    tour.neighbour();
    tour.shutdown();
    tour.seen
}

struct Tour {
    host: TestHost,
    seen: Vec<String>,
}

impl Tour {
    fn note(&mut self, text: String) {
        self.seen.push(text);
    }

    /// Every property again and again, and a mask.
    fn properties(&mut self) {
        self.host.write32(register::INTMS, 0xff);
        let kept = [register::CAP, register::VS, register::INTMS, register::CC, register::CSTS];
        let high = [register::CAP + 4, register::ASQ + 4, register::ACQ];
        let late = [register::NSSR, register::AQA, 0x38, 0x40, register::CRTO, 0xe00];
        for offset in kept.into_iter().chain(high).chain(late) {
            (0..3).for_each(|_| self.register(offset));
        }
        self.host.write32(register::INTMC, 0xff);
    }

    fn register(&mut self, offset: u32) {
        let value = self.host.read32(offset);
        self.note(format!("register {offset:x} {value:08x}"));
    }

    /// Submits a command and notes every completion until nothing more happens.
    fn run(&mut self, sqid: u16, cqid: u16, sqe: impl Into<Sqe>) {
        self.host.submit(sqid, sqe);
        self.collect(cqid);
    }

    fn collect(&mut self, cqid: u16) {
        let mut found = 0;
        while let Some(cqe) = self.host.next(cqid) {
            self.note(format!("cqe {cqid}: {cqe:?}"));
            found += 1;
            if found > 64 {
                break;
            }
        }
        self.note(format!("{found} completions in {cqid}"));
        self.host.drain();
        let events = std::mem::take(&mut self.host.events);
        self.note(format!("{events:?}"));
    }

    fn admin(&mut self, sqe: impl Into<Sqe>) {
        self.run(0, 0, sqe);
    }

    fn show(&mut self, at: u64, len: usize) {
        let bytes = self.host.data(at, len);
        let hash = bytes.iter().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(*b)));
        self.note(format!("data {at:x} {hash:x}"));
    }

    fn features(&mut self) {
        self.host.dut.irq_setup(Ctrl(0), 4).unwrap();
        let count = |n: u32| n << 16 | n;
        let set =
            SetFeatures { fid: Fid::NUMBER_OF_QUEUES, cdw11: count(3), ..SetFeatures::default() };
        self.admin(set);
        self.admin(set);
        self.admin(SetFeatures { sv: true, ..set });
        let off = VolatileWriteCache::new().into_bits();
        let cache = SetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, cdw11: off, ..set };
        self.admin(SetFeatures { sv: true, ..cache });
        self.admin(GetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, ..GetFeatures::default() });
        let get = GetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..GetFeatures::default() };
        self.admin(GetFeatures { cdw11: count(1), ..get });
        for (fid, cdw11) in [(Fid::POWER_MANAGEMENT, 1), (Fid::TEMPERATURE_THRESHOLD, 9 << 16)] {
            self.admin(SetFeatures { fid, cdw11, ..SetFeatures::default() });
            self.admin(GetFeatures { fid, cdw11, ..GetFeatures::default() });
        }
        let recovery = Fid::ERROR_RECOVERY;
        for (set, cdw11) in [(Nsid(1), 5), (Nsid::BROADCAST, 6)] {
            self.admin(SetFeatures { fid: recovery, nsid: set, cdw11, ..SetFeatures::default() });
            for nsid in [Nsid(1), Nsid(2)] {
                self.admin(GetFeatures { fid: recovery, nsid, ..GetFeatures::default() });
            }
        }
        self.feature_values();
    }

    /// Values of features, as they are, as they would be, and whether they can be changed.
    fn feature_values(&mut self) {
        let get = GetFeatures::default();
        for fid in [
            Fid::ARBITRATION,
            Fid::INTERRUPT_COALESCING,
            Fid::INTERRUPT_VECTOR_CONFIGURATION,
            Fid::WRITE_ATOMICITY_NORMAL,
            Fid::ASYNCHRONOUS_EVENT_CONFIGURATION,
        ] {
            self.admin(GetFeatures { fid, ..get });
        }
        let threshold = GetFeatures { fid: Fid::TEMPERATURE_THRESHOLD, ..get };
        let under = TemperatureThreshold::new().with_thsel(TemperatureThreshold::UNDER);
        self.admin(threshold);
        self.admin(GetFeatures { cdw11: under.into_bits(), ..threshold });
        self.admin(GetFeatures { sel: 1, ..threshold });
        self.admin(GetFeatures { sel: 1, ..threshold });
        let recovery = GetFeatures { fid: Fid::ERROR_RECOVERY, nsid: Nsid(1), ..get };
        self.admin(GetFeatures { sel: 3, ..recovery });
    }

    fn queues(&mut self) {
        let (cq, sq) = (self.host.create_cq_command(1), self.host.create_sq_command(1, 1));
        let (cq_base, sq_base) = (cq.prp1.0, sq.prp1.0);
        self.admin(CreateIoSq { cqid: Qid(3), ..sq });
        self.host.adopt_cq(1, cq_base, ENTRIES);
        let pages = self.host.queue_base(7, false);
        self.host.fill(pages, &cq_base.to_le_bytes());
        self.admin(CreateIoCq { pc: false, prp1: Addr(pages), qid: Qid(2), ..cq });
        self.admin(DeleteIoCq { qid: Qid(2) });
        self.admin(cq);
        // The priority means nothing without weighted round robin.
        self.admin(CreateIoSq { qprio: 2, ..sq });
        self.host.adopt_sq(1, 1, sq_base, ENTRIES);
        self.admin(DeleteIoCq { qid: Qid(0) });
        self.admin(DeleteIoCq { qid: Qid(1) });
        let set = SetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..SetFeatures::default() };
        self.admin(set);
        self.admin(Sqe::new(0x7f));
    }

    fn write(&mut self, nsid: u32, slba: u64, blocks: u32) -> Write {
        let bytes: Vec<u8> =
            (0..blocks * 512).map(|n| (n / 5) as u8 ^ slba as u8 ^ (nsid << 6) as u8).collect();
        for (n, page) in bytes.chunks(4096).enumerate() {
            // The pages lie in memory in reverse order.
            self.host.fill(DATA + 0x10_0000 - 0x1000 * n as u64, page);
        }
        let (prp1, prp2) = self.prps(DATA + 0x10_0000, blocks);
        Write {
            nsid: Nsid(nsid),
            slba: Lba(slba),
            nlb: Entries(blocks),
            prp1,
            prp2,
            ..Write::default()
        }
    }

    fn read(&mut self, nsid: u32, slba: u64, blocks: u32) {
        assert!(self.host.arena().set(Addr(DATA + 0x1_0000), 0x5_0000, 0x5a));
        let (prp1, prp2) = self.prps(DATA + 0x5_0000, blocks);
        let read = Read {
            nsid: Nsid(nsid),
            slba: Lba(slba),
            nlb: Entries(blocks),
            prp1,
            prp2,
            ..Read::default()
        };
        self.host.submit(1, read);
        // What is there when the completion is seen, and what comes later.
        if let Some(cqe) = self.host.next(1) {
            self.note(format!("cqe 1: {cqe:?}"));
        }
        self.show(DATA + 0x1_0000, 0x5_0000);
        self.collect(1);
        self.show(DATA + 0x1_0000, 0x5_0000);
    }

    /// PRPs of pages that lie in reverse order from `first` down; a list of more than two entries
    /// begins two entries before the end of its page.
    fn prps(&mut self, first: u64, blocks: u32) -> (Addr, Addr) {
        let pages = u64::from(blocks * 512).div_ceil(4096);
        if pages <= 2 {
            return (Addr(first), Addr(first - 0x1000));
        }
        let (list, next) = (DATA + 0x20_0ff0, DATA + 0x20_4000);
        let entries: Vec<u64> = (1..pages).map(|n| first - 0x1000 * n).collect();
        let (head, tail) =
            if entries.len() > 2 { entries.split_at(1) } else { (&entries[..], &[][..]) };
        for (n, entry) in head.iter().chain((!tail.is_empty()).then_some(&next)).enumerate() {
            self.host.fill(list + 8 * n as u64, &entry.to_le_bytes());
        }
        for (n, entry) in tail.iter().enumerate() {
            self.host.fill(next + 8 * n as u64, &entry.to_le_bytes());
        }
        (Addr(first), Addr(list))
    }

    fn data(&mut self) {
        for (nsid, slba, blocks) in [(1, 0, 8), (1, 5000, 16), (1, 16383, 1), (2, 0, 8)] {
            let write = self.write(nsid, slba, blocks);
            self.run(1, 1, write);
            self.read(nsid, slba, blocks);
        }
        let write = self.write(1, 40, 32);
        self.run(1, 1, write);
        self.read(1, 40, 32);
        self.read(1, 0, 8);
        self.read(1, 16383, 2);
        self.read(1, 904, 1);
        self.read(1, 0, 33);
        let offset = Read { nsid: Nsid(1), prp1: Addr(DATA + 0x204), ..Read::default() };
        self.run(1, 1, offset);
        let low_bits = Read { nsid: Nsid(1), prp1: Addr(DATA + 3), ..Read::default() };
        self.run(1, 1, low_bits);
        let outside = Read { nsid: Nsid(1), prp1: Addr(1 << 40), ..Read::default() };
        self.run(1, 1, outside);
    }

    /// What has to be refused and is done by no other part, and a bit that has not.
    fn refusals(&mut self) {
        let (cq, sq) = (self.host.create_cq_command(3), self.host.create_sq_command(3, 1));
        self.admin(CreateIoCq { iv: u16::MAX, ..cq });
        self.admin(CreateIoSq { entries: Entries(1 << 16), ..sq });
        let (fid, cdw11) = (Fid::NUMBER_OF_QUEUES, 0xffff);
        self.admin(SetFeatures { fid, cdw11, ..SetFeatures::default() });
        let get = GetFeatures::default();
        self.admin(GetFeatures { fid: Fid(0x7f), ..get });
        self.admin(GetFeatures { fid: Fid::ARBITRATION, sel: 7, ..get });
        let page = GetLogPage { prp1: Addr(DATA), ..GetLogPage::default() }.with_bytes(Bytes(512));
        self.admin(GetLogPage { lid: Lid(0x7f), ..page });
        let lid = Lid::FIRMWARE_SLOT_INFORMATION;
        self.admin(GetLogPage { lid, lpo: 1 << 20, ..page });
        self.admin(Identify { cns: Cns(0xff), prp1: Addr(DATA), ..Identify::default() });
        let prp1 = Addr(DATA);
        let read = Read { nsid: Nsid(1), nlb: Entries(16), prp1, ..Read::default() };
        self.run(1, 1, Read { prp2: Addr(DATA + 0x1200), ..read });
        self.run(1, 1, Read { prp2: Addr(DATA + 0x1000), lr: true, ..read });
    }

    fn structures(&mut self) {
        // More than a thousand units of 512 bytes.
        let (prp1, prp2) = self.prps(DATA + 0x5_0000, 128);
        for _ in 0..10 {
            let nlb = Entries(128);
            self.run(1, 1, Read { nsid: Nsid(1), nlb, prp1, prp2, ..Read::default() });
        }
        for cns in [0, 1, 2, 3, 5, 6, 7, 8] {
            let nsid = Nsid(u32::from(matches!(cns, 0 | 3 | 5 | 8)));
            let cmd = Identify { cns: Cns(cns), nsid, prp1: Addr(DATA), ..Identify::default() };
            self.admin(cmd);
            self.show(DATA, 4096);
            self.admin(Identify { csi: 1, ..cmd });
            self.admin(Identify { nsid: Nsid(3), ..cmd });
            self.show(DATA, 4096);
        }
        for lid in [0, 2, 3, 5, 0x12, 0x13] {
            self.page(Lid(lid), 2048);
        }
        let part = GetLogPage { lpo: 256, lid: Lid(3), prp1: Addr(DATA), ..GetLogPage::default() };
        self.admin(part.with_bytes(Bytes(256)));
        self.show(DATA, 512);
    }

    fn page(&mut self, lid: Lid, bytes: usize) {
        let cmd = GetLogPage { lid, prp1: Addr(DATA), ..GetLogPage::default() };
        self.admin(cmd.with_bytes(Bytes(bytes as u64)));
        self.show(DATA, bytes);
    }

    fn log_page(&mut self, rae: bool) {
        let cmd = GetLogPage {
            lid: Lid::ERROR_INFORMATION,
            rae,
            prp1: Addr(DATA),
            ..GetLogPage::default()
        };
        self.admin(cmd.with_bytes(Bytes(128)));
        self.show(DATA, 128);
    }

    fn events(&mut self) {
        for _ in 0..3 {
            self.admin(AsyncEventRequest {});
        }
        let hot = SetFeatures {
            fid: Fid::TEMPERATURE_THRESHOLD,
            cdw11: self.host.config.temperature.into(),
            ..SetFeatures::default()
        };
        self.admin(hot);
        self.page(Lid::SMART_HEALTH_INFORMATION, 512);
        self.admin(SetFeatures { cdw11: 400, ..hot });
        self.host.doorbell(DoorbellKind::CqHead, 1, 7);
        self.host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 1);
        self.collect(0);
        self.log_page(true);
        self.host.doorbell(DoorbellKind::SqTail, 1, ENTRIES + 1);
        self.collect(0);
        self.log_page(false);
        for _ in 0..5 {
            self.admin(AsyncEventRequest {});
        }
        self.collect(0);
        // An event of another type, and one of this type beside it.
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        self.admin(SetFeatures { fid, cdw11: 2, ..SetFeatures::default() });
        self.admin(hot);
        self.host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 1);
        self.collect(0);
        self.admin(SetFeatures { cdw11: 400, ..hot });
        self.page(Lid::SMART_HEALTH_INFORMATION, 512);
        self.log_page(false);
        let sq = self.host.create_sq_command(1, 1);
        self.admin(DeleteIoSq { qid: Qid(1) });
        self.admin(sq);
        self.host.adopt_sq(1, 1, sq.prp1.0, ENTRIES);
    }

    fn abort(&mut self) {
        self.admin(Abort { sqid: Qid(1), cid: Cid(0xfff8) });
        let write = self.write(1, 100, 1);
        let victim = self.host.place(1, write);
        self.host.ring(1);
        self.host.run_for(1000);
        self.admin(Abort { sqid: Qid(1), cid: victim });
        self.collect(1);
        self.read(1, 100, 1);
    }

    fn resets(&mut self) {
        self.host.write32(register::INTMS, 0xf0);
        self.host.write32(register::INTMC, 0x30);
        self.register(register::INTMS);
        let on = VolatileWriteCache::new().with_wce(true).into_bits();
        let cache =
            SetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, cdw11: on, ..SetFeatures::default() };
        self.admin(cache);
        let write = self.write(1, 200, 1);
        self.run(1, 1, write);
        self.host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 1);
        let write = self.write(1, 300, 1);
        self.host.submit(1, write);
        self.host.run_for(1000);
        self.host.write32(register::CC, 0);
        self.host.wait_csts(|csts| !csts.rdy());
        for offset in [register::CSTS, register::AQA, register::INTMS] {
            self.register(offset);
        }
        self.host.settle();
        self.host.start();
        self.host.wait_csts(|csts| csts.rdy());
        self.host.dut.irq_mask(Ctrl(0), 0, true).unwrap();
        let get = GetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, ..GetFeatures::default() };
        self.admin(get);
        self.admin(GetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..get });
        self.admin(SetFeatures { fid: Fid::NUMBER_OF_QUEUES, cdw11: 0x3_0003, ..cache });
        let cns = Cns::ACTIVE_NAMESPACE_ID_LIST;
        self.admin(Identify { cns, prp1: Addr(DATA), ..Identify::default() });
        self.show(DATA, 4096);
        self.log_page(true);
        self.host.dut.irq_mask(Ctrl(0), 0, false).unwrap();
        self.admin(AsyncEventRequest {});
        let (cq, sq) = (self.host.create_cq_command(1), self.host.create_sq_command(1, 1));
        self.host.adopt_cq(1, cq.prp1.0, ENTRIES);
        self.admin(cq);
        self.admin(sq);
        self.host.adopt_sq(1, 1, sq.prp1.0, ENTRIES);
        self.read(1, 200, 1);
        self.read(1, 300, 1);
    }

    /// More commands than their Completion Queue holds, entries taken late.
    fn full_queue(&mut self) {
        let (cq, sq) = (self.host.create_cq_command(2), self.host.create_sq_command(2, 2));
        self.host.adopt_cq(2, cq.prp1.0, 4);
        self.admin(CreateIoCq { entries: Entries(4), ien: false, ..cq });
        self.admin(sq);
        self.host.adopt_sq(2, 2, sq.prp1.0, ENTRIES);
        for _ in 0..6 {
            self.host.place(2, Flush { nsid: Nsid(1) });
        }
        self.host.ring(2);
        self.host.settle();
        // The other queue goes on.
        self.run(1, 1, Flush { nsid: Nsid(1) });
        self.collect(2);
        let write = self.write(1, 30, 1);
        self.run(2, 2, write);
        self.read(1, 30, 1);
    }

    /// Queues of two entries, of as many as there can be, and one whose numbers differ.
    fn queue_shapes(&mut self) {
        let (cq, sq) = (self.host.create_cq_command(3), self.host.create_sq_command(3, 3));
        let bases = (Addr(DATA + 0x30_0000), Addr(DATA + 0x32_0000));
        for entries in [2, self.host.config.max_queue_entries] {
            let entries = Entries(entries);
            self.admin(CreateIoCq { entries, prp1: bases.0, ..cq });
            self.admin(CreateIoSq { entries, prp1: bases.1, ..sq });
            self.admin(DeleteIoSq { qid: Qid(3) });
            self.admin(DeleteIoCq { qid: Qid(3) });
        }
        self.admin(CreateIoSq { cqid: Qid(1), ..sq });
        self.admin(DeleteIoSq { qid: Qid(3) });
    }

    /// The longest transfer, structures over several pages, and what is read twice.
    fn transfers(&mut self) {
        let (prp1, prp2) = self.prps(DATA + 0x2f_0000, 1024);
        let nlb = Entries(1024);
        self.run(1, 1, Read { nsid: Nsid(1), nlb, prp1, prp2, ..Read::default() });
        let (prp1, prp2) = (Addr(DATA + 0x800), Addr(DATA + 0x8000));
        let controller = Identify { cns: Cns(1), prp1, prp2, ..Identify::default() };
        for _ in 0..2 {
            self.admin(controller);
            self.show(DATA, 0x9000);
        }
        let (prp1, prp2) = self.prps(DATA + 0x5_0000, 24);
        let long = GetLogPage { lid: Lid::ERROR_INFORMATION, prp1, prp2, ..GetLogPage::default() };
        self.admin(long.with_bytes(Bytes(24 * 512)));
        let unused =
            Read { nsid: Nsid(1), prp1: Addr(DATA), prp2: Addr(u64::MAX), ..Read::default() };
        self.run(1, 1, unused);
    }

    /// Controller Resets: in an even pass of the admin queue, with errors logged before, and with pages
    /// of another size.
    fn second_life(&mut self) {
        let request = self.host.submit(0, AsyncEventRequest {});
        self.collect(0);
        self.admin(Abort { sqid: Qid(0), cid: request });
        self.host.doorbell(DoorbellKind::CqHead, 1, ENTRIES + 1);
        self.log_page(true);
        for _ in 0..ENTRIES {
            if self.host.position(0).2 {
                self.admin(Sqe::new(0x7f));
            }
        }
        // The first of the even pass.
        self.admin(Sqe::new(0x7f));
        self.register(register::CC);
        self.begin_again();
        self.host.doorbell(DoorbellKind::CqHead, 0, ENTRIES + 1);
        self.log_page(true);
        let mpsmin = std::mem::replace(&mut self.host.config.mpsmin, 1);
        self.begin_again();
        // It lies in one page of 8 KiB.
        let (prp1, prp2) = (Addr(DATA + 0x800), Addr(DATA + 0x8000));
        self.admin(Identify { cns: Cns(1), prp1, prp2, ..Identify::default() });
        self.show(DATA, 0x9000);
        self.host.config.mpsmin = mpsmin;
        self.begin_again();
        self.pair();
    }

    fn begin_again(&mut self) {
        self.host.write32(register::CC, 0);
        self.host.wait_csts(|csts| !csts.rdy());
        self.host.write32(register::AQA, 0x0003_0003);
        self.register(register::AQA);
        self.host.start();
        self.host.wait_csts(|csts| csts.rdy());
    }

    /// Queue pair 1.
    fn pair(&mut self) {
        let (cq, sq) = (self.host.create_cq_command(1), self.host.create_sq_command(1, 1));
        self.host.adopt_cq(1, cq.prp1.0, ENTRIES);
        self.admin(cq);
        self.admin(sq);
        self.host.adopt_sq(1, 1, sq.prp1.0, ENTRIES);
    }

    fn power(&mut self) {
        let on = VolatileWriteCache::new().with_wce(true).into_bits();
        let cache =
            SetFeatures { fid: Fid::VOLATILE_WRITE_CACHE, cdw11: on, ..SetFeatures::default() };
        self.admin(cache);
        let flushed = self.write(1, 10, 1);
        self.run(1, 1, flushed);
        self.run(1, 1, Flush { nsid: Nsid(1) });
        let forced = self.write(1, 11, 1);
        self.run(1, 1, Write { fua: true, ..forced });
        self.power_cycle();
        self.page(Lid::SMART_HEALTH_INFORMATION, 512);
        // The saved value is off.
        let through = self.write(1, 12, 1);
        self.run(1, 1, through);
        self.power_cycle();
    }

    fn power_cycle(&mut self) {
        self.host.dut.reset(Ctrl(0), ResetKind::PowerCycle).unwrap();
        self.host.start();
        self.host.wait_csts(|csts| csts.rdy());
        self.pair();
        for lba in 10..14 {
            self.read(1, lba, 1);
        }
    }

    /// The second controller, if there is one, is reset; the first goes on.
    fn neighbour(&mut self) {
        if self.host.capabilities().controllers < 2 {
            return;
        }
        self.begin_again();
        let count = SetFeatures { fid: Fid::NUMBER_OF_QUEUES, ..SetFeatures::default() };
        self.admin(count);
        self.pair();
        let request = self.host.submit(0, AsyncEventRequest {});
        self.collect(0);
        let first = self.host.leave(Ctrl(1));
        self.host.start();
        self.host.wait_csts(|csts| csts.rdy());
        self.admin(count);
        self.admin(Abort { sqid: Qid(0), cid: request });
        for (cns, nsid) in [(Cns::IDENTIFY_CONTROLLER, 0), (Cns::IDENTIFY_NAMESPACE, 1)] {
            let prp1 = Addr(DATA);
            self.admin(Identify { cns, nsid: Nsid(nsid), prp1, ..Identify::default() });
            self.show(DATA, 4096);
        }
        self.pair();
        let write = self.write(1, 50, 1);
        self.run(1, 1, write);
        let cc = self.host.enable_value().with_shn(1);
        self.host.write32(register::CC, cc.into_bits());
        self.host.wait_csts(|csts| csts.shst() == 2);
        self.host.come_back(first);
        self.read(1, 10, 1);
        self.read(1, 50, 1);
        self.host.dut.reset(Ctrl(1), ResetKind::FunctionLevel).unwrap();
        self.read(1, 10, 1);
    }

    fn shutdown(&mut self) {
        let cdw11 = VolatileWriteCache::new().with_wce(true).into_bits();
        let fid = Fid::VOLATILE_WRITE_CACHE;
        self.admin(SetFeatures { fid, cdw11, ..SetFeatures::default() });
        let write = self.write(1, 13, 1);
        self.run(1, 1, write);
        let cc = register::Cc::from_bits(self.host.read32(register::CC)).with_shn(1);
        self.host.write32(register::CC, cc.into_bits());
        self.host.wait_csts(|csts| csts.shst() == 2);
        self.register(register::CSTS);
        self.host.write32(register::CC, 0);
        self.host.wait_csts(|csts| !csts.rdy());
        self.register(register::CSTS);
        self.host.start();
        self.host.wait_csts(|csts| csts.rdy());
        self.register(register::CSTS);
        self.host.dut.reset(Ctrl(0), ResetKind::Conventional).unwrap();
        self.register(register::CC);
        self.power_cycle();
    }
}
