//! The serial number of a controller: what consent is given to.

use std::time::{Duration, Instant};

use dut::{Ctrl, Doorbell, Dut, Fault, Width};
use spec::command::{Command, Identify};
use spec::register::{self, Aqa, Cc, Csts, DoorbellKind};
use spec::{Addr, Cns, Qid, Sqe};

use super::VfioUser;

/// Entries of the admin queues.
const ENTRIES: u16 = 4;
/// Where SN stands in Identify Controller, and how long it is. Base-2.3 figure 328.
const SN: (u64, usize) = (4, 20);
const PAGE: u64 = 4096;

/// Enables controller 0, asks it who it is, and disables it again. Nothing that it holds is touched.
pub fn read(dut: &mut VfioUser) -> Result<String, Fault> {
    let found = identify(dut);
    let disabled = disable(dut);
    found.and_then(|serial| disabled.map(|()| serial))
}

fn identify(dut: &mut VfioUser) -> Result<String, Fault> {
    let ctrl = Ctrl(0);
    disable(dut)?;
    let cap = register::Cap::from(dut.read(ctrl, register::CAP, Width::U64)?);
    // The first whole pages of the arena; MPSMIN is 4 KiB nearly everywhere.
    let page = PAGE << cap.mpsmin();
    let base = dut.memory().base().0.next_multiple_of(page);
    let (sq, cq, data) = (base, base + page, base + 2 * page);
    let inside = dut.memory().set(Addr(base), 3 * page, 0);
    if !inside {
        return Err(Fault::Refused(format!("its smallest memory page has {page} bytes")));
    }
    let aqa = Aqa::new().with_asqs_z(ENTRIES - 1).with_acqs_z(ENTRIES - 1);
    dut.write(ctrl, register::AQA, Width::U32, aqa.into_bits().into())?;
    for (offset, at) in [(register::ASQ, sq), (register::ACQ, cq)] {
        dut.write(ctrl, offset, Width::U32, at & u64::from(u32::MAX))?;
        dut.write(ctrl, offset + 4, Width::U32, at >> 32)?;
    }
    let cc = Cc::new().with_en(true).with_mps(cap.mpsmin()).with_iosqes(6).with_iocqes(4);
    dut.write(ctrl, register::CC, Width::U32, cc.into_bits().into())?;
    await_ready(dut, true)?;

    let identify =
        Identify { cns: Cns::IDENTIFY_CONTROLLER, prp1: Addr(data), ..Identify::default() };
    let sqe: Sqe = identify.sqe();
    let _ = dut.memory().write(Addr(sq), &sqe.to_bytes());
    let offset = register::doorbell_offset(DoorbellKind::SqTail, Qid::ADMIN.0, cap.dstrd());
    dut.ring(ctrl, &[Doorbell { offset, value: 1 }])?;
    // Phase Tag: bit 16 of dword 3.
    let phase = Addr(cq + 12);
    let until = deadline(dut);
    let status = loop {
        match dut.memory().load_acquire(phase) {
            Some(dword) if dword & 1 << 16 != 0 => break dword >> 17,
            _ if Instant::now() > until => {
                return Err(Fault::NoAnswer("Identify Controller was not completed".into()));
            }
            _ => wait(dut)?,
        }
    };
    if status != 0 {
        return Err(Fault::Refused(format!("Identify Controller ended with status {status:#06x}")));
    }
    let mut serial = [0; SN.1];
    let _ = dut.memory().read(Addr(data + SN.0), &mut serial);
    let _ = dut.memory().set(Addr(base), 3 * page, 0);
    Ok(String::from_utf8_lossy(&serial).trim_matches([' ', '\0']).to_string())
}

fn disable(dut: &mut VfioUser) -> Result<(), Fault> {
    let cc = dut.read(Ctrl(0), register::CC, Width::U32)?;
    dut.write(Ctrl(0), register::CC, Width::U32, cc & !1)?;
    await_ready(dut, false)
}

fn await_ready(dut: &mut VfioUser, ready: bool) -> Result<(), Fault> {
    let cap = register::Cap::from(dut.read(Ctrl(0), register::CAP, Width::U64)?);
    let until = deadline(dut) + Duration::from_millis(500) * u32::from(cap.to());
    loop {
        let csts = dut.read(Ctrl(0), register::CSTS, Width::U32)? as u32;
        if csts != u32::MAX && Csts::from(csts).rdy() == ready {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(Fault::NoAnswer(format!("CSTS.RDY did not become {}", u8::from(ready))));
        }
        wait(dut)?;
    }
}

fn deadline(dut: &VfioUser) -> Instant {
    Instant::now() + dut.answer_time()
}

fn wait(dut: &mut VfioUser) -> Result<(), Fault> {
    let until = dut.now() + 1_000_000;
    dut.wait(until).map(drop)
}
