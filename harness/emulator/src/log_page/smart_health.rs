//! SMART / Health Information (LID 02h), of the controller. Base-2.3 §5.2.12.1.3, figure 210.

use spec::log_page::SmartHealth;
use spec::{Lid, event};

use super::LogPageDef;
use crate::health::{CCTEMP, MINUTE, WCTEMP, warning};
use crate::run::Run;

pub(super) const DEFINITION: LogPageDef = LogPageDef {
    lid: Lid::SMART_HEALTH_INFORMATION,
    since: (1, 0),
    bytes: |_| SmartHealth::BYTES,
    fill,
    clears: Some(event::TEMPERATURE_THRESHOLD.aet),
};

/// Available Spare and its threshold, in percent. No block ever fails.
const SPARE: (u8, u8) = (100, 10);

/// 512-byte units in thousands, rounded up.
fn thousands(units: u64) -> u128 {
    units.div_ceil(1000).into()
}

fn fill(run: &mut Run, page: &mut [u8]) {
    let Some(page) = page.first_chunk_mut() else { return };
    let (config, now) = (run.config, run.bus.now());
    let health = run.controller.health;
    let minutes = now / MINUTE;
    let while_in = |range: std::ops::Range<u16>| match range.contains(&config.temperature) {
        true => minutes.min(u64::from(u32::MAX)) as u32,
        false => 0,
    };
    SmartHealth(&mut *page)
        .set()
        .cw(warning(run.controller, config).into_bits())
        .ctemp(config.temperature)
        .avsp(SPARE.0)
        .avspt(SPARE.1)
        .dur(thousands(health.units_read))
        .duw(thousands(health.units_written))
        .hrc(health.reads.into())
        .hwc(health.writes.into())
        .cbt((health.busy.nanoseconds(now) / MINUTE).into())
        .pwrc(health.power_cycles.into())
        .poh((minutes / 60).into())
        .upl(health.unexpected_losses.into())
        .neile(run.controller.error_log.count().into())
        .wctt(while_in(WCTEMP..CCTEMP))
        .cctt(while_in(CCTEMP..u16::MAX));
    SmartHealth(page).set_sensors(&config.temperature_sensors);
}
