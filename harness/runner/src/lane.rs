//! Lanes: how a DUT is opened, as often as it is needed.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use dut::Dut;
use emulator::device::EmulatorError;
use emulator::{Config, Defect, EmulatorDut};
use lab::Hazard;
use qemu::{Backend, OpenError, Options, Qemu};
use vfio::{Bdf, Session, Tree};
use vfio_user::VfioUser;

use crate::consent::Consent;

/// Why a DUT does not open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LaneError {
    /// The options make no sense: the user's to mend. Otherwise the machine lacks something.
    pub usage: bool,
    /// In words.
    pub text: String,
}

impl fmt::Display for LaneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for LaneError {}

/// A DUT as a runner opens it. Every test gets one of its own, so that order never matters.
pub trait Lane: Send + Sync {
    /// The arguments of the program that open the same DUT.
    fn arguments(&self) -> String;
    /// A fresh DUT.
    fn open(&self) -> Result<Box<dyn Dut>, LaneError>;
    /// Gives back what the lane holds. Nothing is opened after it.
    fn close(&self) -> Result<(), LaneError> {
        Ok(())
    }
    /// The worst hazard that the owner of the DUT consents to. A server may have to be asked.
    fn consent(&self) -> Result<Hazard, LaneError> {
        Ok(Hazard::Irreversible)
    }
}

/// The emulator that is tested unless the user says otherwise: two controllers in one subsystem, so
/// that every test applies.
pub fn default_emulator() -> Config {
    Config { controllers: 2, ..Config::default() }
}

/// The QEMU that is tested unless the user says otherwise, likewise; its commands can be held in flight.
pub fn default_qemu() -> Options {
    Options { controllers: 2, backend: Backend::Nbd, ..Options::default() }
}

/// The bundled controller.
pub struct EmulatorLane {
    config: Config,
    defect: Option<&'static dyn Defect>,
    arguments: String,
}

impl EmulatorLane {
    /// An emulator of this configuration, with or without a planted defect.
    pub fn new(config: Config, defect: Option<&'static dyn Defect>) -> Self {
        let mut arguments = "--dut emulator".to_string();
        if let Some(defect) = defect {
            arguments += &format!(" --defect {}", defect.name());
        }
        Self { config, defect, arguments }
    }

    /// The same, with more arguments that the user gave.
    #[must_use]
    pub fn with_arguments(mut self, more: &str) -> Self {
        self.arguments += more;
        self
    }
}

impl Lane for EmulatorLane {
    fn arguments(&self) -> String {
        self.arguments.clone()
    }

    fn open(&self) -> Result<Box<dyn Dut>, LaneError> {
        let config = self.config.clone();
        let opened = match self.defect {
            Some(defect) => EmulatorDut::with_defect(config, defect),
            None => EmulatorDut::new(config),
        };
        match opened {
            Ok(emulator) => Ok(Box::new(emulator)),
            Err(error) => {
                let usage = matches!(error, EmulatorError::Config(_));
                Err(LaneError { usage, text: error.to_string() })
            }
        }
    }
}

/// QEMU's hw/nvme, a fresh process each time.
pub struct QemuLane {
    options: Options,
    arguments: String,
}

impl QemuLane {
    /// QEMU with these options; `more` are the program's arguments that gave them.
    pub fn new(options: Options, more: &str) -> Self {
        Self { options, arguments: format!("--dut qemu{more}") }
    }
}

impl Lane for QemuLane {
    fn arguments(&self) -> String {
        self.arguments.clone()
    }

    fn open(&self) -> Result<Box<dyn Dut>, LaneError> {
        match Qemu::open(self.options.clone()) {
            Ok(qemu) => Ok(Box::new(qemu)),
            Err(error) => {
                let usage = matches!(error, OpenError::Options(_));
                Err(LaneError { usage, text: error.to_string() })
            }
        }
    }
}

/// A PCI Express controller of this machine. It is taken from its driver and opened with the first DUT,
/// and given back when the lane is closed or dropped.
pub struct VfioLane {
    tree: Tree,
    bdf: Bdf,
    program: PathBuf,
    consent: Consent,
    session: Mutex<Option<Session>>,
}

impl VfioLane {
    /// The controller at this address, to which no more is done than its owner consents to. `program`
    /// is the program `lockstep`, which guards what is taken.
    pub fn new(bdf: Bdf, program: PathBuf, consent: Consent) -> Self {
        Self { tree: Tree::default(), bdf, program, consent, session: Mutex::new(None) }
    }

    /// Takes and opens the controller, if it is the one that was named.
    fn take(&self) -> Result<Session, LaneError> {
        let failed = |error: vfio::OpenError| LaneError {
            usage: matches!(error, vfio::OpenError::Refused(_)),
            text: error.to_string(),
        };
        // What the kernel says of it is asked first: a wrong one is not even taken from its driver.
        let (controller, _) = vfio::examine(&self.tree, self.bdf).map_err(failed)?;
        if let Some(serial) = &controller.serial {
            self.consent.check(serial)?;
        }
        let session = Session::open(&self.tree, self.bdf, &self.program).map_err(failed)?;
        match self.consent.check(&session.who().serial) {
            Ok(()) => Ok(session),
            Err(wrong) => {
                session.close().map_err(failed)?;
                Err(wrong)
            }
        }
    }
}

impl Lane for VfioLane {
    fn arguments(&self) -> String {
        format!("--dut vfio:{}{}", self.bdf, self.consent.arguments())
    }

    fn open(&self) -> Result<Box<dyn Dut>, LaneError> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(self.take()?);
        }
        let failed = |text: String| LaneError { usage: false, text };
        let Some(session) = &*held else { return Err(failed("nothing is open".into())) };
        let dut = session.dut().map_err(|fault| failed(fault.to_string()))?;
        Ok(Box::new(dut))
    }

    fn close(&self) -> Result<(), LaneError> {
        let held = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let closed = held.map_or(Ok(()), Session::close);
        closed.map_err(|error| LaneError { usage: false, text: error.to_string() })
    }

    fn consent(&self) -> Result<Hazard, LaneError> {
        Ok(self.consent.hazard())
    }
}

/// Controllers behind vfio-user servers: the same ones each time.
pub struct VfioUserLane {
    options: vfio_user::Options,
    arguments: String,
    consent: Consent,
    /// What may be done, once a server was asked whose it is.
    hazard: Mutex<Option<Hazard>>,
}

impl VfioUserLane {
    /// Servers to connect to; `arguments` are the program's that gave them, but for the consent.
    pub fn new(options: vfio_user::Options, arguments: &str, consent: Consent) -> Self {
        Self { options, arguments: arguments.into(), consent, hazard: Mutex::new(None) }
    }

    /// What may be done: everything to what says that it is expendable, else what was consented to for
    /// this serial number.
    fn settle(&self, dut: &mut VfioUser) -> Result<(), LaneError> {
        let mut held = self.hazard.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        if self.consent.erase.is_some() {
            let serial = dut.serial().map_err(|fault| LaneError {
                usage: false,
                text: format!("the serial number cannot be read: {fault}"),
            })?;
            self.consent.check(&serial)?;
        }
        let expendable = dut.is_expendable();
        *held = Some(if expendable { Hazard::Irreversible } else { self.consent.hazard() });
        Ok(())
    }
}

impl Lane for VfioUserLane {
    fn arguments(&self) -> String {
        self.arguments.clone() + &self.consent.arguments()
    }

    fn open(&self) -> Result<Box<dyn Dut>, LaneError> {
        let mut dut = VfioUser::open(self.options.clone()).map_err(|error| LaneError {
            usage: matches!(error, vfio_user::OpenError::Connect { .. }),
            text: error.to_string(),
        })?;
        self.settle(&mut dut)?;
        Ok(Box::new(dut))
    }

    fn consent(&self) -> Result<Hazard, LaneError> {
        let held = || *self.hazard.lock().unwrap_or_else(PoisonError::into_inner);
        if held().is_none() {
            self.open()?;
        }
        Ok(held().unwrap_or(Hazard::Harmless))
    }
}
