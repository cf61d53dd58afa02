//! What the transport does with a controller, without any judge: rates, interrupts of each kind, power
//! states, resets. Nothing is sent but Identify. As root:
//! `cargo run --release -p lockstep-vfio --example probe -- 0000:01:00.0`.

use std::process::ExitCode;
use std::time::Instant;

use dut::{Ctrl, Dut, Event, Fault, Width, who_is};
use lockstep_vfio as vfio;
use spec::register;
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
    println!("{:?}", dut.capabilities());
    println!("arena at {}, {} MiB", dut.memory().base(), dut.memory().bytes() >> 20);
    registers(&mut dut)?;
    for kind in [IrqKind::Msix, IrqKind::Msi, IrqKind::Intx] {
        match dut.use_interrupts(kind, 1) {
            Ok(()) => println!("{kind:?}: {} interrupts for one Identify", interrupts(&mut dut)?),
            Err(error) => println!("{kind:?}: {error}"),
        }
        dut.use_interrupts(kind, 0).ok();
    }
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

/// Interrupts that one bring-up with an Identify gives.
fn interrupts(dut: &mut Loan) -> Result<u32, Box<dyn std::error::Error>> {
    who_is(&mut **dut, Ctrl(0))?;
    let mut seen = 0;
    let until = dut.now() + 50_000_000;
    while dut.now() < until {
        dut.drain(&mut |event| {
            if let Event::Interrupt { count, .. } = event {
                seen += count;
            }
        });
        dut.wait(until)?;
    }
    Ok(seen)
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
