//! The emulator as the device of a vfio-user server.

use dut::{Capabilities, Clock, DmaVisibility, Identity, IrqPrecision};
use emulator::{Bus, BusFault, Config, ConfigError, Defect, Subsystem, Tapped, Work};
use log::{Perm, ResetKind};
use spec::register;
use vfio_user::server::{Device, Fatal, Function, Host, Messages, PciId, Rights, Step};

use super::judge::LiveJudge;
use crate::args::InterruptsArg;

/// PCI identifiers: the vendor is the one that Identify tells, the device none of QEMU's, so that no
/// driver takes it for QEMU's controller and its quirks.
const ID: PciId = PciId { vendor: 0x1b36, device: 0x4c53 };

/// The emulator.
pub struct Export {
    subsystem: Tapped,
    messages: Messages,
    expendable: bool,
    judge: Option<LiveJudge>,
}

impl Export {
    /// A subsystem as after power on. Each controller has as many messages as the configuration says.
    pub fn new(
        mut config: Config,
        defect: Option<&'static dyn Defect>,
        interrupts: InterruptsArg,
        expendable: bool,
    ) -> Result<Self, ConfigError> {
        let subsystem = match defect {
            None => Subsystem::new(config)?,
            Some(defect) => {
                defect.configure(&mut config);
                Subsystem::with_defect(config, defect)?
            }
        };
        let vectors = subsystem.config().vectors;
        let messages = match interrupts {
            InterruptsArg::Msix => Messages::Msix(vectors),
            InterruptsArg::Msi => Messages::Msi(vectors),
        };
        Ok(Self { subsystem: Tapped::new(subsystem), messages, expendable, judge: None })
    }

    /// Who the device is, and what its tap shows.
    pub fn facts(&self) -> (Identity, Capabilities) {
        let config = self.subsystem.config();
        let identity = Identity { kind: "emulator".into(), description: self.name() };
        let capabilities = Capabilities {
            clock: Clock::Wall,
            controllers: config.controllers,
            resets: vec![ResetKind::FunctionLevel],
            irq: IrqPrecision::Exact,
            msix_vectors: config.vectors,
            msix_table: false,
            dma: DmaVisibility::Exact,
            read_flushes_dma: true,
            wide_access: true,
            holds: false,
            rewind: false,
        };
        (identity, capabilities)
    }

    /// From here on all that passes is judged.
    pub fn set_judge(&mut self, judge: LiveJudge) {
        self.subsystem.set_tap(judge.tap());
        self.judge = Some(judge);
    }

    /// The judge, when the observation is over.
    pub fn take_judge(&mut self) -> Option<LiveJudge> {
        self.judge.take()
    }

    /// An orderly power-off: what is in the cache becomes durable.
    pub fn power_off(mut self) -> std::io::Result<()> {
        self.subsystem.media_mut().flush()
    }
}

impl Device for Export {
    fn functions(&self) -> Vec<Function> {
        let config = self.subsystem.config();
        let pairs = u32::from(config.io_sqs.max(config.io_cqs)) + 1;
        let function = Function {
            id: ID,
            messages: self.messages,
            doorbells: register::DOORBELLS,
            doorbell_count: 2 * pairs,
            doorbell_stride: 4 << config.dstrd,
        };
        vec![function; usize::from(config.controllers)]
    }

    fn name(&self) -> String {
        let defect = match self.subsystem.defect().name() {
            "none" => String::new(),
            name => format!(" with defect {name}"),
        };
        let config = self.subsystem.config();
        format!("emulator {}{defect}, VS {}", env!("CARGO_PKG_VERSION"), config.version)
    }

    fn is_expendable(&self) -> bool {
        self.expendable
    }

    fn read(&mut self, ctrl: usize, host: &mut dyn Host, offset: u32, bytes: u8) -> u64 {
        self.subsystem.read(ctrl, &mut OverHost(host), offset, bytes)
    }

    fn write(&mut self, ctrl: usize, host: &mut dyn Host, offset: u32, bytes: u8, value: u64) {
        self.subsystem.write(ctrl, &mut OverHost(host), offset, bytes, value);
    }

    fn takes_doorbells(&self, ctrl: usize) -> bool {
        self.subsystem.controller(ctrl).is_some_and(emulator::controller::Controller::finishes)
    }

    fn step(&mut self, host: &mut dyn Host) -> Result<Step, Fatal> {
        let work = self.subsystem.step(&mut OverHost(host));
        if let (Work::Idle, Some(judge)) = (work, &mut self.judge) {
            judge.look();
        }
        Ok(match work {
            Work::Hidden | Work::Seen => Step::Worked,
            Work::Until(due) => Step::Until(due),
            Work::Idle => Step::Idle,
        })
    }

    fn reset(&mut self, ctrl: usize, host: &mut dyn Host) {
        self.subsystem.reset(ctrl, &mut OverHost(host), ResetKind::FunctionLevel);
    }

    fn msix_enable(&mut self, ctrl: usize, host: &mut dyn Host, on: bool) {
        let vectors = self.subsystem.config().vectors;
        self.subsystem.set_up_msix(ctrl, host.now(), if on { vectors } else { 0 });
    }

    fn mapped(&mut self, _: usize, host: &mut dyn Host, range: (u64, u64), rights: Rights) {
        let perm = match (rights.read, rights.write) {
            (true, true) => Perm::Both,
            (true, false) => Perm::ToController,
            (false, true) => Perm::FromController,
            (false, false) => return,
        };
        self.subsystem.tell_mapped(host.now(), range.0, range.1, Some(perm));
    }

    fn unmapped(&mut self, _: usize, host: &mut dyn Host, range: Option<(u64, u64)>) {
        let (at, len) = range.unwrap_or((0, 0));
        self.subsystem.tell_mapped(host.now(), at, len, None);
    }

    fn msix_mask(&mut self, ctrl: usize, host: &mut dyn Host, vector: u16, masked: bool) {
        self.subsystem.mask_vector(ctrl, &mut OverHost(host), vector, masked);
    }

    fn msix_pending(&self, ctrl: usize, vector: u16) -> bool {
        let controller = self.subsystem.controller(ctrl);
        let entry = controller.and_then(|c| c.msix.vectors.get(usize::from(vector)));
        entry.is_some_and(|entry| entry.pending)
    }

    fn msi_enable(&mut self, ctrl: usize, host: &mut dyn Host, messages: u16) {
        self.subsystem.set_up_msi(ctrl, &mut OverHost(host), messages);
    }

    fn intx(&self, ctrl: usize) -> bool {
        let controller = self.subsystem.controller(ctrl);
        controller.is_some_and(emulator::controller::Controller::asserts_intx)
    }
}

/// The server's side of the link, as the emulator wants it.
struct OverHost<'a>(&'a mut dyn Host);

impl Bus for OverHost<'_> {
    fn now(&self) -> u64 {
        self.0.now()
    }

    fn masters(&self, ctrl: usize) -> bool {
        self.0.masters(ctrl)
    }

    fn allows(&self, ctrl: usize, at: u64, len: usize, write: bool) -> bool {
        self.0.allows(ctrl, at, len, write)
    }

    fn read(&mut self, ctrl: usize, at: u64, to: &mut [u8]) -> Result<(), BusFault> {
        self.0.read(ctrl, at, to).map_err(|_| BusFault)
    }

    fn write(&mut self, ctrl: usize, at: u64, from: &[u8]) -> Result<(), BusFault> {
        self.0.write(ctrl, at, from).map_err(|_| BusFault)
    }

    fn peek(&self, ctrl: usize, at: u64, to: &mut [u8]) -> bool {
        self.0.peek(ctrl, at, to)
    }

    fn message(&mut self, ctrl: usize, vector: u16) {
        self.0.message(ctrl, vector);
    }
}
