//! `lockstep claims`: what the DUT says of itself, and where it contradicts itself.
//!
//! Each controller is enabled and identified, and everything is judged as in any test. What is told
//! here is the log's; the contradictions are the judge's findings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::io::{self, Write};

use anyhow::anyhow;
use lab::Outcome;
use log::{Body, Log};
use reports::{Counts, Exit, Story, Verdict, profile_argument, write_story};
use runner::lane::Lane;
use runner::run::{Teller, on_fresh};
use runner::waiver::Waivers;
use spec::identify::{IdentifyController, IdentifyNamespace};
use spec::register::{self, Cap};
use spec::{Addr, Version};

use crate::args::ClaimsArgs;
use crate::failure::Failure;
use crate::{lane, select};

const IDENTIFY: u8 = 0x06;

/// Tells what the DUT claims.
pub fn claims(args: &ClaimsArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    lane::with(&args.dut, |lane| on(lane, args, out))
}

fn on(lane: &dyn Lane, args: &ClaimsArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let (profile, profile_name) = select::profile_of(&args.profile)?;
    let seed = args.profile.seed;
    let performed = on_fresh(lane, &profile, |bench| bench.run_as("claims", seed.0, identify_all));
    let (run, lines) = performed.map_err(|why| Failure::harness(anyhow!(why)))?;
    let dut = lane.open().map_err(lane::failed)?;
    let identity = dut.identity();
    writeln!(out, "dut  {}", identity.description)?;
    let revision = registers(&run.log, out)?;
    structures(&run.log, out)?;

    let revision = profile.revision.or(revision);
    let teller = Teller { profile: &profile, revision, waivers: &Waivers::default() };
    let (mut told, _) = teller.tell("claims", &[], &run, &lines);
    let facts = runner::facts::dut(&*dut, &lane.arguments(), revision);
    let profile = profile_argument(&profile_name);
    let again = format!("lockstep claims {}{profile} --seed {seed}", lane.arguments());
    let story = Story {
        dut: &facts,
        seed,
        commit: runner::facts::COMMIT,
        profile: &profile_name,
        test: &told,
        again: Some(&again),
    };
    writeln!(out)?;
    write_story(&story, out, true)?;
    if told.findings.is_empty() {
        writeln!(out, "no contradiction: {} agreed", told.observations)?;
    }
    // Nothing is claimed by a test here, so there is nothing that could be unproved.
    if told.verdict == Verdict::Unproved && told.findings.is_empty() {
        told.verdict = Verdict::Passed;
    }
    if told.verdict == Verdict::Error {
        return Err(Failure::harness(anyhow!(told.reason)));
    }
    let mut counts = Counts::default();
    counts.add(told.verdict);
    Ok(Exit::of_run(&counts, &[], false, false))
}

/// Enables and identifies every controller.
fn identify_all(lab: &mut lab::Lab<'_>) -> Outcome {
    lab.enabled_controller()?;
    for n in 1..lab.capabilities().controllers {
        let mut controller = lab.controller(n)?;
        controller.enable()?;
        controller.identify()?;
    }
    Ok(())
}

/// Tells the registers that were read, each controller's last value. Gives the revision in VS.
fn registers(log: &Log, out: &mut dyn Write) -> io::Result<Option<Version>> {
    let mut values: BTreeMap<(u8, u32), u64> = BTreeMap::new();
    for record in log.records() {
        if let Body::RegisterRead(read) = record.body() {
            values.insert((record.ctrl, read.offset), read.value);
        }
    }
    let mut told = None;
    for ((ctrl, offset), value) in &values {
        if told != Some(*ctrl) {
            writeln!(out, "\ncontroller {ctrl}, registers")?;
            told = Some(*ctrl);
        }
        let name = register::property_at(*offset).map_or("?", |property| property.name);
        match *offset {
            register::CAP => writeln!(out, "  {name:<10} {value:#018x}  {:?}", Cap::from(*value))?,
            register::VS => {
                writeln!(out, "  {name:<10} {}", Version::from_raw(*value as u32))?;
            }
            _ => writeln!(out, "  {name:<10} {value:#x}")?,
        }
    }
    let vs = values.iter().find(|((_, offset), _)| *offset == register::VS);
    Ok(vs.map(|(_, value)| Version::from_raw(*value as u32)))
}

/// Tells the Identify structures that were looked at, each once.
fn structures(log: &Log, out: &mut dyn Write) -> io::Result<()> {
    let mut asked: BTreeMap<Addr, (u8, u8, u32)> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for record in log.records() {
        match record.body() {
            Body::Submit { sqid, sqe, .. } if sqid.is_admin() && sqe.opcode() == IDENTIFY => {
                asked.insert(sqe.prp1(), (record.ctrl, sqe.dw[10] as u8, sqe.nsid().0));
            }
            Body::BytesSeen { at, payload } => {
                // A look at memory belongs to no controller; the command tells whose answer it is.
                let Some(&(ctrl, cns, nsid)) = asked.get(&at) else { continue };
                let Ok(bytes) = <&[u8; 4096]>::try_from(log.payload(payload)) else { continue };
                if !told.insert((ctrl, cns, nsid)) {
                    continue;
                }
                match cns {
                    0x00 => {
                        writeln!(out, "\ncontroller {ctrl}, namespace {nsid}")?;
                        fields(&IdentifyNamespace(bytes), out)?;
                    }
                    0x01 => {
                        writeln!(out, "\ncontroller {ctrl}")?;
                        fields(&IdentifyController(bytes), out)?;
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The fields of a structure that are not 0, one a line.
fn fields(structure: &dyn Display, out: &mut dyn Write) -> io::Result<()> {
    structure.to_string().lines().try_for_each(|line| writeln!(out, "  {line}"))
}
