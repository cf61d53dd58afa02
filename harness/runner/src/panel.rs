//! The false-alarm panel: correct emulators of many kinds, under every delay and order that they may
//! choose, must raise nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use emulator::Config;
use lab::{GenOptions, NamespaceFacts, TestRun};
use log::random::Random;
use reports::{DutFacts, Observations, TestFinished, Verdict};
use spec::Req;

use crate::facts;
use crate::lane::{EmulatorLane, Lane};
use crate::listen::Lines;
use crate::run::{Plan, Teller, on_same};
use crate::schedule::{Step, in_order};

/// What one configuration gave.
pub struct Seat {
    /// Its number, from 0.
    pub number: u32,
    /// The seed that its configuration and policy follow from.
    pub seed: u64,
    /// The configuration, as a file for `--config`.
    pub config: String,
    /// The emulator.
    pub dut: DutFacts,
    /// Tests that were applicable, and sequences.
    pub ran: u32,
    /// Tests that this configuration could not prove anything with (a race was not reached). No alarm.
    /// Each as its name and what it lacks.
    pub unproved: Vec<(String, String)>,
    /// What was judged.
    pub observations: Observations,
    /// Findings of any kind that the plan's waivers do not explain, and errors of the harness.
    pub alarms: Vec<Alarm>,
}

/// A run that accused an innocent controller.
pub struct Alarm {
    /// What is told of it.
    pub test: TestFinished,
    /// The run itself, for a trace; none if the harness could not make it.
    pub run: Option<TestRun>,
}

/// The seed of configuration `number`.
pub fn seat_seed(seed: u64, number: u32) -> u64 {
    Random::named(seed, &format!("panel/{number}")).number()
}

/// How many of what a panel has.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Random configurations.
    pub configs: u32,
    /// Generated sequences on each of them.
    pub sequences: u32,
}

/// What a generator may use of an emulator. Only namespaces that all controllers share.
pub fn generator(config: &Config) -> GenOptions {
    let shared = config.nsids().zip(&config.namespaces).filter(|(_, ns)| ns.controllers.is_empty());
    let namespaces = shared.map(|(nsid, ns)| NamespaceFacts {
        nsid,
        blocks: ns.blocks,
        block_bytes: ns.block_bytes,
        metadata_bytes: 0,
    });
    let default = GenOptions::default();
    GenOptions {
        controllers: config.controllers,
        namespaces: namespaces.collect(),
        io_queues: config.io_sqs.min(config.io_cqs).min(default.io_queues),
        queue_entries_max: config.max_queue_entries,
        nn: config.nn(),
        transfer_bytes_max: config.max_transfer().min(default.transfer_bytes_max),
        abort_limit: u32::from(config.acl_z) + 1,
        event_limit: u32::from(config.aerl_z) + 1,
        msix_vectors: config.vectors.min(default.msix_vectors),
        mpsmin: config.mpsmin,
        mpsmax: config.mpsmax,
        contiguous_queues: config.cqr,
        ..default
    }
}

/// Runs the tests of `plan` and generated sequences on random configurations, `plan.jobs` at a time.
/// Seats are handed to `sink` in order. The first that `sink` refuses ends it.
pub fn panel<E>(
    size: Size,
    plan: &Plan,
    stop: &AtomicBool,
    sink: &mut dyn FnMut(Seat) -> Result<(), E>,
) -> Result<(), E> {
    let work = |n: usize| seat(n as u32, size, plan);
    in_order(
        size.configs as usize,
        plan.jobs,
        &|| stop.load(Ordering::Relaxed),
        &work,
        &mut |step| match step {
            Step::Finished(_, seat) => sink(seat),
            Step::Started(_) => Ok(()),
        },
    )
}

fn seat(number: u32, size: Size, plan: &Plan) -> Seat {
    let seed = seat_seed(plan.seed.0, number);
    let config = Config::random(seed);
    let text = toml::to_string(&config).unwrap_or_default();
    let options = generator(&config);
    let revision = Some(config.version);
    let lane = EmulatorLane::new(config, None);
    let dut = match lane.open() {
        Ok(dut) => facts::dut(&*dut, &lane.arguments(), revision),
        Err(error) => panic!("a random legal configuration is refused: {error}\n{text}"),
    };
    let observations = Observations::default();
    let (unproved, alarms) = (Vec::new(), Vec::new());
    let mut seat = Seat { number, seed, config: text, dut, ran: 0, unproved, observations, alarms };
    let teller = Teller { profile: &plan.profile, revision, waivers: &plan.waivers };
    // Without a namespace that all controllers share there is little to generate.
    let sequences = if options.namespaces.is_empty() { 0 } else { size.sequences };
    let sat = on_same(&lane, &plan.profile, |stand| {
        stand.prime();
        for case in &plan.tests {
            let performed = stand.perform(|bench| bench.run(case, seed));
            seat.take(&teller, &case.id(), case.requirements, performed);
        }
        for n in 0..sequences {
            let id = format!("generated/{n}");
            let drawn = Random::named(seed, &id).number();
            let performed = stand.perform(|bench| {
                let sequence = lab::generate(drawn, &options);
                bench.replay(&sequence)
            });
            seat.take(&teller, &id, &[], performed);
        }
    });
    if let Err(why) = sat {
        seat.take(&teller, "lane", &[], Err(why));
    }
    seat
}

impl Seat {
    fn take(
        &mut self,
        teller: &Teller<'_>,
        id: &str,
        requirements: &[Req],
        performed: Result<(TestRun, Lines), String>,
    ) {
        let (test, run) = match performed {
            Ok((run, lines)) => (teller.tell(id, requirements, &run, &lines).0, Some(run)),
            Err(why) => (crate::run::error(id, requirements, why), None),
        };
        self.observations.add(&test.observations);
        self.ran += u32::from(test.verdict != Verdict::NotApplicable);
        // A generated sequence claims nothing, so it is unproved by nature.
        let sequence = id.starts_with("generated/");
        if test.verdict == Verdict::Unproved && !sequence {
            self.unproved.push((test.id.clone(), test.reason.clone()));
        }
        let unexplained = test.findings.iter().any(|finding| finding.waived_by.is_none());
        if unexplained || test.verdict == Verdict::Error {
            self.alarms.push(Alarm { test, run });
        }
    }
}
