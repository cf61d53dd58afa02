//! What the transport does with a controller, without any judge: rates, interrupts of each kind, an
//! access that the IOMMU refuses, power states, resets. Nothing is sent but Identify. It fails if
//! interrupts of a kind that is there do not come. As root:
//! `cargo run --release -p lockstep-vfio --example probe -- 0000:01:00.0`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use dut::{Ctrl, Doorbell, Dut, Event, Fault, Width, who_is};
use lockstep_vfio as vfio;
use spec::cns::Cns;
use spec::command::Identify;
use spec::register::{self, Aqa, Cc, Csts};
use spec::{Addr, Sqe};
use vfio::{Bdf, IrqKind, Loan, PowerState, Session, Tree};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let bdf = |at: usize| words.get(at).and_then(|text| text.parse::<Bdf>().ok());
    let done = match (words.first().map(String::as_str), bdf(0), bdf(2)) {
        // The guardian is this program again.
        (Some(vfio::GUARD), _, Some(bdf)) => {
            vfio::guard(&Tree::at(&words[1]), bdf).map_err(Into::into)
        }
        (_, Some(bdf), _) => probe(bdf),
        _ => {
            eprintln!("usage: probe BDF, such as 0000:01:00.0");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(4)
        }
    }
}

fn probe(bdf: Bdf) -> Result<(), Box<dyn std::error::Error>> {
    let began = Instant::now();
    let session = Session::open(&Tree::default(), bdf, &std::env::current_exe()?)?;
    println!("opened in {:.1} ms: {:?}", began.elapsed().as_secs_f64() * 1e3, session.who());
    let mut dut = session.dut()?;
    println!("{}", dut.identity().description);
    println!("{:?}", dut.capabilities());
    println!("arena at {}, {} MiB", dut.memory().base(), dut.memory().bytes() >> 20);
    registers(&mut dut)?;
    for kind in [IrqKind::Msix, IrqKind::Msi, IrqKind::Intx] {
        let vectors = dut.vectors(kind);
        if vectors == 0 {
            println!("{kind:?}: there are none");
            continue;
        }
        dut.use_interrupts(kind, 1)?;
        let came = interrupts(&mut dut)?;
        println!("{kind:?}: {came} of vector 0 of {vectors} for one Identify");
        if came == 0 {
            return Err(format!("interrupts of kind {kind:?} do not come").into());
        }
        dut.use_interrupts(kind, 0)?;
    }
    stray(&mut dut)?;
    power(&mut dut)?;
    for kind in dut.capabilities().resets.clone() {
        let began = Instant::now();
        let outcome = dut.reset(Ctrl(0), kind)?;
        let ms = began.elapsed().as_secs_f64() * 1e3;
        println!("reset {kind:?} in {ms:.1} ms: {outcome:?}");
        println!("  afterwards {:?}", who_is(&mut *dut, Ctrl(0))?.serial);
    }
    drop(dut);
    session.close()?;
    Ok(())
}

fn registers(dut: &mut Loan) -> Result<(), Fault> {
    const READS: u32 = 100_000;
    let began = Instant::now();
    for _ in 0..READS {
        dut.read(Ctrl(0), register::CSTS, Width::U32)?;
    }
    let rate = f64::from(READS) / began.elapsed().as_secs_f64();
    println!("register reads: {:.0} thousand/s", rate / 1e3);
    Ok(())
}

/// Interrupts that one Identify gives: the first within 5 s, and what follows it within 50 ms. The entry
/// stays unconsumed and the controller enabled meanwhile: a pin that is released before the kernel looks at
/// it was nobody's interrupt, as far as the kernel can tell. (So a pin comes again each time it is taken.)
fn interrupts(dut: &mut Loan) -> Result<u32, Box<dyn std::error::Error>> {
    let data = Addr(dut.memory().base().0 + 0x2000);
    identify(dut, data)?;
    let mut seen = 0;
    let mut until = dut.now() + 5_000_000_000;
    while dut.now() < until {
        let before = seen;
        dut.drain(&mut |event| {
            if let Event::Interrupt { count, .. } = event {
                seen += count;
            }
        });
        if before == 0 && seen > 0 {
            until = dut.now() + 50_000_000;
        }
        dut.wait(until)?;
    }
    ready(dut, false)?;
    Ok(seen)
}

/// Enables the controller with queues at the start of the arena, and sends an Identify with this PRP1.
fn identify(dut: &mut Loan, prp1: Addr) -> Result<(), Box<dyn std::error::Error>> {
    let ctrl = Ctrl(0);
    let memory = Arc::clone(dut.memory());
    let sq = memory.base();
    let identify = Identify { cns: Cns::IDENTIFY_CONTROLLER, prp1, ..Identify::default() };
    if !memory.set(sq, 0x2000, 0) || !memory.write(sq, &Sqe::from(identify).to_bytes()) {
        return Err("the arena does not hold two queues".into());
    }
    let aqa = Aqa::new().with_asqs_z(3).with_acqs_z(3);
    dut.write(ctrl, register::AQA, Width::U32, aqa.into_bits().into())?;
    dut.write(ctrl, register::ASQ, Width::U64, sq.0)?;
    dut.write(ctrl, register::ACQ, Width::U64, sq.0 + 0x1000)?;
    ready(dut, true)?;
    Ok(dut.ring(ctrl, &[Doorbell { offset: 0x1000, value: 1 }])?)
}

/// An Identify whose data is to go where nothing is mapped for the function. Whether the IOMMU's word comes
/// is the kernel's to decide, so its absence is told and no failure.
fn stray(dut: &mut Loan) -> Result<(), Box<dyn std::error::Error>> {
    identify(dut, Addr(0x5000))?;
    let mut told = None;
    let until = dut.now() + 2_000_000_000;
    while told.is_none() && dut.now() < until {
        dut.wait(until)?;
        dut.drain(&mut |event| match event {
            Event::Dma { at, len, write: true, fault: true, .. } => told = Some((at, len)),
            Event::Line(line) => println!("  {line}"),
            _ => {}
        });
    }
    match told {
        Some((at, len)) => println!("stray DMA: a write within {len} bytes at {at} was refused"),
        None => println!("stray DMA: nothing was told of it"),
    }
    Ok(ready(dut, false)?)
}

/// Enables or disables the controller and waits for CSTS.RDY, 20 s at most.
fn ready(dut: &mut Loan, wanted: bool) -> Result<(), Fault> {
    let cc = Cc::new().with_en(wanted).with_iosqes(6).with_iocqes(4);
    dut.write(Ctrl(0), register::CC, Width::U32, cc.into_bits().into())?;
    let until = dut.now() + 20_000_000_000;
    loop {
        let csts = dut.read(Ctrl(0), register::CSTS, Width::U32)? as u32;
        if Csts::from(csts).rdy() == wanted {
            return Ok(());
        }
        if dut.now() > until {
            return Err(Fault::NoAnswer(format!("CSTS stays {csts:#x}")));
        }
        dut.wait(until)?;
    }
}

fn power(dut: &mut Loan) -> Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = dut.set_power(PowerState::D3hot) {
        println!("D3hot: {error}");
        return Ok(());
    }
    println!("D3hot: a register read gives {:?}", dut.read(Ctrl(0), register::VS, Width::U32));
    dut.set_power(PowerState::D0)?;
    let vs = dut.read(Ctrl(0), register::VS, Width::U32)?;
    println!("D0 again: VS {vs:#x}, serial {:?}", who_is(&mut **dut, Ctrl(0))?.serial);
    Ok(())
}
