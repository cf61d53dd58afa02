//! Random legal configurations, for the false-alarm panel.

use log::random::Random;
use spec::Version;

use super::{Config, Grant, Identifier, LowBits, NamespaceConfig};
use crate::Policy;

impl Config {
    /// A legal configuration that follows from the seed alone. Its policy is drawn too.
    pub fn random(seed: u64) -> Self {
        let mut random = Random::named(seed, "emulator configuration");
        let versions = [(1, 3), (1, 4), (2, 0), (2, 1), (2, 2), (2, 3), (2, 3)];
        let (major, minor) = *random.pick(&versions);
        let mpsmin = random.below(2) as u8;
        let controllers = *random.pick(&[1, 1, 2, 3]);
        // What came later has draws of its own, so that a seed means what it meant before.
        let mut later = Random::named(seed, "emulator configuration, later keys");
        let mut namespaces = random_namespaces(&mut random, controllers);
        for namespace in &mut namespaces {
            namespace.eui64 = *later.pick(&[Identifier::None, Identifier::Derived]);
            namespace.nguid = *later.pick(&[Identifier::None, Identifier::Derived]);
            namespace.uuid = Identifier::Derived;
        }
        let last = namespaces.iter().filter_map(|ns| ns.nsid).max().unwrap_or(1);
        Self {
            version: Version::new(major, minor),
            serial: format!("R{seed:016X}"),
            subnqn: format!("nqn.2026-11.org.lockstep:random-{seed:x}"),
            max_queue_entries: random.between(2, 512) as u32,
            cqr: random.one_in(3),
            dstrd: random.below(4) as u8,
            mpsmin,
            mpsmax: mpsmin + random.below(3) as u8,
            to: random.between(1, 60) as u8,
            controllers,
            namespaces,
            nn: Some(last + random.below(4) as u32),
            mdts: *random.pick(&[0, 1, 2, 3, 5, 8]),
            vectors: random.between(1, 64) as u16,
            io_sqs: random.between(1, 16) as u16,
            io_cqs: random.between(1, 16) as u16,
            grant: *random.pick(&[Grant::Requested, Grant::All]),
            vwc: !random.one_in(4),
            wce_default: random.one_in(2),
            wce_saveable: random.one_in(2),
            broadcast_flush: random.one_in(2),
            saveable_features: random_subset(&mut later, &Self::MAY_BE_SAVEABLE.map(|fid| fid.0)),
            temperature: later.between(273, 342) as u16,
            temperature_sensors: (0..later.below(9))
                .map(|_| later.between(273, 380) as u16)
                .collect(),
            command_scopes: later.one_in(2),
            acl_z: random.below(8) as u8,
            aerl_z: random.below(8) as u8,
            elpe_z: random.below(64) as u8,
            ready_us: random.between(1, 400_000),
            disable_us: random.between(1, 400_000),
            shutdown_us: random.between(1, 400_000),
            admin_latency_ns: random.below(20_000),
            io_latency_ns: random.below(50_000),
            prp_low_bits: *random.pick(&[LowBits::Refused, LowBits::Ignored]),
            abort_unfetched: random.one_in(2),
            complete_deleted: random.one_in(2),
            repeated_doorbell_is_invalid: false,
            policy: Policy::random(random.number()),
        }
    }
}

fn random_namespaces(random: &mut Random, controllers: u8) -> Vec<NamespaceConfig> {
    let mut nsid = 0;
    (0..random.between(1, 4))
        .map(|at| {
            nsid += 1 + if random.one_in(3) { random.below(3) as u32 } else { 0 };
            // The first namespace is everybody's; each later one may be private.
            let private = at != 0 && random.one_in(2);
            let owner = random.below(u64::from(controllers)) as u8;
            NamespaceConfig {
                nsid: Some(nsid),
                blocks: random.between(256, 4096),
                block_bytes: *random.pick(&[512, 4096]),
                controllers: if private { vec![owner] } else { Vec::new() },
                ..NamespaceConfig::default()
            }
        })
        .collect()
}

fn random_subset(random: &mut Random, of: &[u8]) -> Vec<u8> {
    of.iter().copied().filter(|_| random.one_in(2)).collect()
}
