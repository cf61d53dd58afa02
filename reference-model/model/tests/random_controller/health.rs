//! What the controller measures, counts and lists: its log pages, and the event of temperatures.

use std::sync::Arc;

use model::lives::Kept;
use model::rules::features::temperature_threshold::{Crossing, crossing};
use model::sample::Answer;
use model::state::{Controller, Temperatures};
use spec::command::{Command, GetLogPage, Read};
use spec::log_page::{
    CommandEffects, CommandsSupportedAndEffects, FeatureIdentifiersSupportedAndEffects, FidEffects,
    FirmwareSlot, LidSupported, SmartHealth, SupportedLogPages,
};
use spec::opcode::{admin, nvm};
use spec::structure::Text;
use spec::{Fid, Lid, Sqe, Status, Version};

use crate::device::{Device, FEATURES, Running, is_aer};

/// What temperature sensor 1 says, in kelvins.
const SENSOR: u16 = 305;
/// Dword 0 of the event Temperature Threshold.
const HOT: u32 = 0x0002_0101;
/// The bit of Feature 0Bh that enables it.
const ENABLES: u32 = 1 << 1;

/// Pages that every controller here has.
const PAGES: [Lid; 6] = [
    Lid::SUPPORTED_LOG_PAGES,
    Lid::ERROR_INFORMATION,
    Lid::SMART_HEALTH_INFORMATION,
    Lid::FIRMWARE_SLOT_INFORMATION,
    Lid::COMMANDS_SUPPORTED_AND_EFFECTS,
    Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS,
];

/// What one controller measures and counts.
pub struct Health {
    composite: u16,
    /// The warning is raised and its event enabled.
    raised: bool,
    /// An event was reported and not cleared.
    masked: bool,
    /// An event waits for a request.
    pub waits: bool,
    /// Reads and Writes that were completed, and their blocks of 512 bytes.
    commands: [u64; 2],
    units: [u64; 2],
}

impl Default for Health {
    fn default() -> Self {
        let (commands, units) = ([0; 2], [0; 2]);
        Self { composite: 310, raised: false, masked: false, waits: false, commands, units }
    }
}

/// Gives the controller its lists: pages 13h and 06h, and the Timestamp, are there or not.
pub fn make_lists(controller: &mut Controller, has: [bool; 3]) {
    let mut pages = SupportedLogPages::zeroed();
    let optional = [Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS, Lid::DEVICE_SELF_TEST];
    let optional = optional.into_iter().zip(has).filter(|(_, has)| *has).map(|(lid, _)| lid);
    for lid in PAGES.into_iter().chain(optional) {
        pages.set_lids(lid, LidSupported::new().with_lsupp(true));
    }
    let mut features = FeatureIdentifiersSupportedAndEffects::zeroed();
    let modelled = FEATURES.map(|(fid, _)| fid);
    let others = [Fid::VOLATILE_WRITE_CACHE, Fid::NUMBER_OF_QUEUES];
    for fid in modelled.into_iter().chain(others).chain(has[2].then_some(Fid::TIMESTAMP)) {
        features.set_fis(fid, FidEffects::new().with_fsupp(true));
    }
    let lives = controller.lives;
    for (lid, bytes) in [
        (Lid::SUPPORTED_LOG_PAGES, *pages.bytes()),
        (Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS, *features.bytes()),
    ] {
        controller.kept_pages.push((lid, Kept { bytes: Arc::from(&bytes[..]), lives }));
    }
    let sensors = [SENSOR, 0, 0, 0, 0, 0, 0, 0];
    controller.temperatures = Some(Temperatures { composite: 310, sensors });
}

fn list(controller: &Controller, lid: Lid) -> Vec<u8> {
    let found = controller.kept_pages.iter().find(|(kept, _)| *kept == lid);
    found.expect("it was made").1.bytes.to_vec()
}

fn effects() -> Vec<u8> {
    let mut page = CommandsSupportedAndEffects::zeroed();
    let plain = CommandEffects::new().with_csupp(true);
    for opcode in [0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x09, 0x0a, 0x0c] {
        page.set_acs(opcode, plain);
    }
    page.set_iocs(nvm::FLUSH, plain);
    page.set_iocs(nvm::READ, plain);
    page.set_iocs(nvm::WRITE, plain.with_lbcc(true));
    page.bytes().to_vec()
}

impl Device {
    fn is_warned(&self, ctrl: usize) -> bool {
        let controller = &self.world.controllers[ctrl];
        let sensors = [SENSOR, 0, 0, 0, 0, 0, 0, 0];
        let told = Temperatures { composite: self.units[ctrl].health.composite, sensors };
        let crossed = crossing(controller, &told, Version::new(2, 3));
        matches!(crossed, Crossing::Beyond | Crossing::Equal)
    }

    /// The temperature moves by itself.
    pub fn drift(&mut self, ctrl: usize) {
        self.units[ctrl].health.composite = 296 + self.random.below(20) as u16;
        self.weigh(ctrl);
    }

    /// Raises the event if the warning has been raised, or its event enabled.
    pub fn weigh(&mut self, ctrl: usize) {
        let fid = Fid::ASYNCHRONOUS_EVENT_CONFIGURATION;
        let enabled = self.world.controllers[ctrl].features.value(fid, 0).current.unwrap_or(0);
        let raised = enabled & ENABLES != 0 && self.is_warned(ctrl);
        let rises = raised && !self.units[ctrl].health.raised;
        self.units[ctrl].health.raised = raised;
        if rises {
            self.raise(ctrl);
        }
    }

    fn raise(&mut self, ctrl: usize) {
        let unit = &mut self.units[ctrl];
        let told = |r: &Running| is_aer(r) && r.reports();
        if unit.health.masked || unit.running.iter().any(told) {
            return;
        }
        // Without a request it should be kept, and may be lost.
        unit.health.waits = !self.random.one_in(3);
        self.report(ctrl);
    }

    /// Reports an event that waits, if there is a request.
    pub fn report(&mut self, ctrl: usize) {
        let unit = &mut self.units[ctrl];
        let requests = unit.running.iter_mut().filter(|r| is_aer(r) && r.answer.is_none());
        let mut requests: Vec<_> = requests.collect();
        if requests.is_empty() || unit.health.masked {
            return;
        }
        let waits = std::mem::take(&mut unit.health.waits);
        let pick = self.random.below(requests.len() as u64) as usize;
        if waits || unit.health.raised {
            let event = Answer { status: Status::SUCCESSFUL_COMPLETION, dw0: HOT };
            requests[pick].answer = Some((event, Vec::new()));
        }
    }

    /// The page was read without RAE: what was not reported is not, and events are reported again. The
    /// same warning may be told again.
    pub fn clear(&mut self, ctrl: usize) {
        let unit = &mut self.units[ctrl];
        let told = unit.running.iter_mut().filter(|r| is_aer(r) && r.reports());
        told.for_each(|request| request.answer = None);
        let health = &mut unit.health;
        (health.masked, health.waits) = (false, false);
        if health.raised && self.random.one_in(2) {
            self.raise(ctrl);
        }
    }

    /// Everything that a command's completion does to what is counted and masked.
    pub fn note_completion(&mut self, ctrl: usize, sqid: u16, sqe: &Sqe, status: Status) {
        let health = &mut self.units[ctrl].health;
        match (sqid, sqe.opcode()) {
            _ if !status.is_success() => {}
            (0, admin::ASYNCHRONOUS_EVENT_REQUEST) => health.masked = true,
            (0, _) => {}
            (_, opcode @ (nvm::READ | nvm::WRITE)) => {
                let kind = usize::from(opcode == nvm::WRITE);
                health.commands[kind] += 1;
                health.units[kind] += u64::from(Read::project(sqe).nlb.0);
            }
            _ => {}
        }
    }

    /// What a Get Log Page returns that is carried out now; `None`: a page that is not modelled.
    pub fn make_page(&mut self, ctrl: usize, cmd: &GetLogPage) -> Option<Vec<u8>> {
        let controller = &self.world.controllers[ctrl];
        let page = match cmd.lid {
            Lid::ERROR_INFORMATION => Vec::new(),
            Lid::SMART_HEALTH_INFORMATION => self.health_page(ctrl).bytes().to_vec(),
            Lid::FIRMWARE_SLOT_INFORMATION => {
                let mut page = FirmwareSlot::zeroed();
                page.set().afi(1).frs1(Text::padded("1", b' '));
                page.bytes().to_vec()
            }
            Lid::COMMANDS_SUPPORTED_AND_EFFECTS => effects(),
            Lid::NVME_MI_COMMANDS_SUPPORTED_AND_EFFECTS => vec![0; 4096],
            Lid::SUPPORTED_LOG_PAGES | Lid::FEATURE_IDENTIFIERS_SUPPORTED_AND_EFFECTS => {
                list(controller, cmd.lid)
            }
            _ => return None,
        };
        let mut bytes = vec![0; cmd.bytes().0 as usize];
        let from = (cmd.lpo as usize & !3).min(page.len());
        bytes.iter_mut().zip(&page[from..]).for_each(|(to, byte)| *to = *byte);
        Some(bytes)
    }

    fn health_page(&self, ctrl: usize) -> SmartHealth {
        let health = &self.units[ctrl].health;
        let ([reads, writes], units) = (health.commands, health.units);
        let [read, written] = units.map(|units| u128::from(units.div_ceil(1000)));
        let mut page = SmartHealth::zeroed();
        page.set()
            .cw(u8::from(self.is_warned(ctrl)) << 1)
            .ctemp(health.composite)
            .tsen1(SENSOR)
            .avsp(100)
            .avspt(10)
            .dur(read)
            .duw(written)
            .hrc(reads.into())
            .hwc(writes.into());
        page
    }

    /// A reset drops and unmasks what there is of events.
    pub fn reset_health(&mut self, ctrl: usize) {
        let health = &mut self.units[ctrl].health;
        (health.raised, health.masked, health.waits) = (false, false, false);
    }
}
