//! Which configurations are possible.

use std::path::PathBuf;

use spec::Version;

use super::{Config, Identifier, NamespaceConfig};

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The text is no TOML, or has unknown or wrongly typed keys.
    #[error("emulator configuration: {0}")]
    Syntax(#[from] toml::de::Error),
    /// A value that no controller can have.
    #[error("emulator configuration: {key} = {value}: possible is {possible}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is possible.
        possible: &'static str,
    },
    /// A file of a namespace cannot be used.
    #[error("emulator configuration: namespaces.path = {path:?}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of a namespace has another size than the namespace.
    #[error(
        "emulator configuration: namespaces.path = {path:?}: the file has {found} bytes, \
         blocks * block_bytes are {wanted}"
    )]
    FileSize {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        found: u64,
        /// The size of the namespace in bytes.
        wanted: u64,
    },
}

/// The media of all namespaces may take so much memory.
const MAX_MEDIA_BYTES: u128 = 1 << 30;

/// A key with its value, whether the value is possible, and what is.
type Rule = (&'static str, u64, bool, &'static str);

impl Config {
    /// Reads and checks a TOML text. Keys left out have their defaults.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text)?;
        config.check()?;
        Ok(config)
    }

    /// Whether a controller like this is possible.
    pub fn check(&self) -> Result<(), ConfigError> {
        let versions = Version::new(1, 3)..=Version::new(2, 3);
        if !versions.contains(&self.version) {
            return wrong("version", &self.version, "1.3 to 2.3");
        }
        self.check_names()?;
        let rules: [Rule; 14] = [
            number("max_queue_entries", self.max_queue_entries.into(), 2..=65536, "2 to 65536"),
            number("dstrd", self.dstrd.into(), 0..=8, "0 to 8"),
            number("mpsmax", self.mpsmax.into(), 0..=8, "0 to 8"),
            number("mpsmin", self.mpsmin.into(), 0..=self.mpsmax.into(), "0 to mpsmax"),
            number("controllers", self.controllers.into(), 1..=64, "1 to 64"),
            number("mdts", self.mdts.into(), 0..=20, "0 to 20"),
            number("to", self.to.into(), 1..=255, "1 to 255"),
            number("temperature", self.temperature.into(), 1..=999, "1 to 999"),
            number("vectors", self.vectors.into(), 1..=2048, "1 to 2048"),
            number("io_sqs", self.io_sqs.into(), 1..=1024, "1 to 1024"),
            number("io_cqs", self.io_cqs.into(), 1..=1024, "1 to 1024"),
            number("ready_us", self.ready_us, 0..=self.to_us(), "at most to * 500000"),
            number("disable_us", self.disable_us, 0..=self.to_us(), "at most to * 500000"),
            number("shutdown_us", self.shutdown_us, 0..=600_000_000, "at most ten minutes"),
        ];
        match rules.iter().find(|(.., possible, _)| !possible) {
            Some((key, value, _, possible)) => wrong(key, value, possible),
            None => self.check_latencies().and_then(|()| self.check_namespaces()),
        }
    }

    fn check_names(&self) -> Result<(), ConfigError> {
        let printable = |text: &str| text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        if self.serial.len() > 20 || !printable(&self.serial) {
            return wrong("serial", &self.serial, "at most 20 printable ASCII characters");
        }
        if self.subnqn.len() > 223 || !self.subnqn.starts_with("nqn.") {
            return wrong("subnqn", &self.subnqn, "at most 223 bytes that begin with nqn.");
        }
        let sensors = &self.temperature_sensors;
        if sensors.len() > 8 || sensors.iter().any(|kelvin| !(1..=999).contains(kelvin)) {
            let found = format_args!("{sensors:?}");
            return wrong("temperature_sensors", &found, "at most 8, each 1 to 999");
        }
        let impossible = |fid: &&u8| Self::MAY_BE_SAVEABLE.iter().all(|may| may.0 != **fid);
        match self.saveable_features.iter().find(impossible) {
            Some(fid) => wrong("saveable_features", fid, "1, 4, 5, 10 and 11"),
            None => Ok(()),
        }
    }

    const fn to_us(&self) -> u64 {
        self.to as u64 * 500_000
    }

    fn check_latencies(&self) -> Result<(), ConfigError> {
        let day_ns = 86_400_000_000_000;
        for (key, value) in [
            ("admin_latency_ns", self.admin_latency_ns),
            ("io_latency_ns", self.io_latency_ns),
            ("policy.execute_delay_ns", self.policy.execute_delay_ns),
            ("policy.post_delay_ns", self.policy.post_delay_ns),
            ("policy.signal_delay_ns", self.policy.signal_delay_ns),
        ] {
            if value > day_ns {
                return wrong(key, &value, "at most a day");
            }
        }
        for (key, value) in [
            ("policy.fetch_batch", self.policy.fetch_batch),
            ("policy.in_flight", self.policy.in_flight),
        ] {
            if !(1..=64).contains(&value) {
                return wrong(key, &value, "1 to 64");
            }
        }
        if self.policy.burst == 0 {
            return wrong("policy.burst", &0, "at least 1");
        }
        Ok(())
    }

    fn check_namespaces(&self) -> Result<(), ConfigError> {
        if self.nn() >= 0xffff_fff0 {
            return wrong("nn", &self.nn(), "less than FFFFFFF0h");
        }
        let nsids: Vec<u32> = self.nsids().collect();
        let mut total = 0u128;
        for (at, (ns, &nsid)) in self.namespaces.iter().zip(&nsids).enumerate() {
            if nsid == 0 || nsid > self.nn() || nsids[..at].contains(&nsid) {
                return wrong("namespaces.nsid", &nsid, "1 to nn, each once");
            }
            if !matches!(ns.block_bytes, 512 | 4096) {
                return wrong("namespaces.block_bytes", &ns.block_bytes, "512 or 4096");
            }
            let named = (ns.eui64, ns.nguid, ns.uuid);
            if named == (Identifier::None, Identifier::None, Identifier::None) {
                return wrong(
                    "namespaces.uuid",
                    &ns.uuid,
                    "one of eui64, nguid and uuid is needed",
                );
            }
            if !named.0.is_possible() || !named.1.is_possible() || !named.2.is_possible() {
                return wrong("namespaces.uuid", &"0", "zeroes are no identifier");
            }
            let before = &self.namespaces[..at];
            let taken = |same: fn(&NamespaceConfig, &NamespaceConfig) -> bool| {
                before.iter().any(|other| same(ns, other))
            };
            if taken(|a, b| a.eui64.is_given() && a.eui64 == b.eui64)
                || taken(|a, b| a.nguid.is_given() && a.nguid == b.nguid)
                || taken(|a, b| a.uuid.is_given() && a.uuid == b.uuid)
            {
                return wrong("namespaces.uuid", &ns.uuid, "no identifier twice");
            }
            if ns.blocks == 0 {
                return wrong("namespaces.blocks", &ns.blocks, "at least 1");
            }
            if let Some(ctrl) = ns.controllers.iter().find(|ctrl| **ctrl >= self.controllers) {
                return wrong("namespaces.controllers", ctrl, "indices below controllers");
            }
            total += u128::from(ns.blocks) * u128::from(ns.block_bytes);
        }
        if total > MAX_MEDIA_BYTES {
            return wrong("namespaces", &format_args!("{total} bytes"), "1 GiB in all at most");
        }
        Ok(())
    }
}

fn number(
    key: &'static str,
    value: u64,
    range: std::ops::RangeInclusive<u64>,
    possible: &'static str,
) -> Rule {
    (key, value, range.contains(&value), possible)
}

fn wrong(
    key: &'static str,
    value: &dyn std::fmt::Display,
    possible: &'static str,
) -> Result<(), ConfigError> {
    Err(ConfigError::Value { key, value: value.to_string(), possible })
}
