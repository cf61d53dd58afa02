//! SMART / Health Information (LID 02h). Base-2.3 §5.2.12.1.3, figure 210.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use spec::QueueKind;
use spec::command::{Command, GetLogPage};
use spec::log_page::{CriticalWarning, SmartHealth};
use spec::requirement::{identify, smart, temperature_threshold};

use super::*;
use crate::lives::{Counted, KeptSmart, Traffic};
use crate::rules::claims::{Seen, claims, first_reserved, hold_all};
use crate::rules::common::valid;
use crate::rules::features::temperature_threshold::{Crossing, crossing};
use crate::state::Temperatures;

/// The rule.
pub static RULE: Rule = Rule {
    name: "get-log-page 02h",
    queue: QueueKind::Admin,
    opcode: GetLogPage::OPCODE,
    tables: &[&DWORD_0, &PSDT_ADMIN, &RESERVED, &NSID, &CHECKS, &OFFSETS, &PRPS],
    succeeds: Some(get_log_page::MANDATORY),
    data: |sqe, view| returns(sqe, view, seen),
    footprint: no_footprint,
    accept,
    refuse: refuse_page,
};

checks! {
    static NSID: GetLogPage[cmd, v] in common {
        // Where a namespace has a page, nothing says what an NSID without namespace gives; before
        // 1.3 the page of the controller was FFFFFFFFh's alone.
        NSID_INVALID      INVALID_NAMESPACE_OR_FORMAT | INVALID_FIELD_IN_COMMAND
                          if (names_a_namespace(cmd)
                              || cmd.nsid == Nsid(0) && v.version < Version::new(1, 3)) & Maybe
                          => "NSID {}, {}", cmd.nsid, valid(v);
    }
}

checks! {
    static CHECKS: GetLogPage[cmd, v] in smart {
        NSID              INVALID_FIELD_IN_COMMAND
                          if names_a_namespace(cmd)
                          => "NSID {}, LPA bit 0 = 0: the page is the controller's", cmd.nsid;
    }
}

fn names_a_namespace(cmd: &GetLogPage) -> bool {
    !matches!(cmd.nsid, Nsid(0) | Nsid::BROADCAST)
}

fn accept(apply: &mut Apply) {
    accept_page(apply);
    let cmd = GetLogPage::project(apply.sqe);
    shows(apply, smart::NSID_ZERO, cmd.nsid == Nsid(0));
    if clears_event(&cmd, apply.version) {
        apply.controller().events.health_masked = No;
    }
}

claims! {
    /// What one page must say.
    pub static CLAIMS: SmartHealth[page, v] in smart {
        RANGES: page.avsp() <= 100 && page.avspt() <= 100, "percentages of at most 100",
            "available spare {}, threshold {}", page.avsp(), page.avspt();
        TEMPERATURE_TIME: untold_times(page, v), "0 where Identify Controller has no threshold",
            "warning time {}, critical time {}", page.wctt(), page.cctt();
    }
}

claims! {
    static RESERVED_ZERO: SmartHealth[page, v] in identify {
        RESERVED_ZERO: leftover(page).is_none(), "0 in reserved bytes and bits",
            "byte {} is not as it should be", leftover(page).unwrap_or(0);
    }
}

claims! {
    static COUNT: SmartHealth[page, v] in error_log {
        SMART_COUNT: counts_the_errors(page, v),
            "at least the highest error count of the error log",
            "{} entries over the life, error count {}", page.neile(), v.error_log.count;
    }
}

fn counts_the_errors(page: &SmartHealth, v: &Seen) -> Truth {
    match v.error_log.count {
        0 => Maybe,
        count => (page.neile() >= u128::from(count)).into(),
    }
}

fn untold_times(page: &SmartHealth, v: &Seen) -> Truth {
    let Some((wctemp, cctemp)) = v.claims.map(|c| (c.wctemp, c.cctemp)) else { return Maybe };
    if wctemp != 0 && cctemp != 0 {
        return Maybe;
    }
    let warning = page.wctt() == 0 || wctemp != 0 && cctemp != 0;
    (warning && (page.cctt() == 0 || cctemp != 0)).into()
}

fn leftover(page: &SmartHealth) -> Option<usize> {
    static RANGES: LazyLock<Vec<Range<usize>>> = LazyLock::new(SmartHealth::reserved_ranges);
    let bits = [(0, page.cw() & 0x80), (6, page.egcws() & 0xf2)];
    let field = bits.into_iter().find(|(_, bits)| *bits != 0).map(|(at, _)| at);
    first_reserved(page.bytes(), &RANGES).or(field)
}

/// Counters over the life of the controller, by their acronyms. The others count in these: data units
/// and host commands, which may lag.
fn lifetime(page: &SmartHealth) -> [(&'static str, u128); 12] {
    [
        ("data units read", page.dur()),
        ("data units written", page.duw()),
        ("host read commands", page.hrc()),
        ("host write commands", page.hwc()),
        ("controller busy time", page.cbt()),
        ("power cycles", page.pwrc()),
        ("power on hours", page.poh()),
        ("unexpected power losses", page.upl()),
        ("media errors", page.mdie()),
        ("error log entries", page.neile()),
        ("warning temperature time", u128::from(page.wctt())),
        ("critical temperature time", u128::from(page.cctt())),
    ]
}

/// Holds the page against the one before it.
fn again(apply: &mut Apply, now: &SmartHealth, kept: &KeptSmart) {
    let before = SmartHealth(kept.bytes);
    let pairs = lifetime(&before).into_iter().zip(lifetime(now));
    let fallen = pairs.into_iter().find(|((_, before), (_, now))| now < before);
    apply.hold(smart::LIFETIME, fallen.is_none(), || {
        let ((name, before), (_, now)) = fallen.unwrap_or_default();
        let because = format!("it was {before} before, and counts over the life of the controller");
        (format!("{name} {now}"), format!("at least {before}"), because)
    });
    // The threshold is no measured value.
    apply.expect(identify::SAME_AGAIN, now.avspt() == before.avspt(), || {
        let (now, before) = (now.avspt(), before.avspt());
        (format!("spare threshold {now}"), format!("it was {before}, and nothing changed it"))
    });
    losses(apply, now, &before, kept);
    let counted = apply.controller().counted;
    if counted.most.unsure == kept.counted.most.unsure {
        commands(apply, now, &before, kept.counted, counted);
        data_units(apply, now, &before, kept.counted, counted);
    }
}

/// Of what may have been counted between two reads: the least and the most. `of` names one number.
fn between(then: Counted, now: Counted, of: fn(Traffic) -> u64) -> (u128, u128) {
    let least = of(now.least).saturating_sub(of(then.most));
    let most = of(now.most).saturating_sub(of(then.least));
    (u128::from(least), u128::from(most))
}

/// `64`, or `64 to 72`.
fn range(least: u128, most: u128) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}

/// Host Read Commands and Host Write Commands: those that succeeded are completed for certain; of those
/// that failed the text does not say whether they count.
fn commands(
    apply: &mut Apply,
    now: &SmartHealth,
    before: &SmartHealth,
    then: Counted,
    at: Counted,
) {
    let reads = between(then, at, |traffic| traffic.read.commands);
    let writes = between(then, at, |traffic| traffic.written.commands);
    let both = [
        ("host read commands", before.hrc(), now.hrc(), reads),
        ("host write commands", before.hwc(), now.hwc(), writes),
    ];
    for (name, before, now, (least, most)) in both {
        let grown = now.wrapping_sub(before);
        apply.hold(smart::HOST_COMMANDS, (least..=most).contains(&grown), || {
            let because = format!("{least} have succeeded since, and {most} may have completed");
            (
                format!("{name} grew by {grown}"),
                format!("growth by {}", range(least, most)),
                because,
            )
        });
    }
}

/// Data Units Read and Data Units Written, in thousands of 512 bytes, rounded up. 0 is none, or not
/// reported. No text says how promptly they grow: a counter that stays behind is an anomaly.
fn data_units(
    apply: &mut Apply,
    now: &SmartHealth,
    before: &SmartHealth,
    then: Counted,
    at: Counted,
) {
    let reads = between(then, at, |traffic| traffic.read.units);
    let writes = between(then, at, |traffic| traffic.written.units);
    let both = [
        ("data units read", before.dur(), now.dur(), reads),
        ("data units written", before.duw(), now.duw(), writes),
    ];
    // The units that a value stands for: from, to.
    let units =
        |value: u128| (value.saturating_sub(1) * 1000 + u128::from(value != 0), value * 1000);
    for (name, before, now, (least, most)) in both {
        let bounded = before < u128::MAX / 1000 && now < u128::MAX / 1000;
        if now == 0 || !bounded {
            continue;
        }
        let ((from, to), (low, high)) = (units(before), units(now));
        let story = || {
            let observed = format!("{name} {now} (thousands of 512 bytes)");
            (
                observed,
                format!(
                    "{} units of 512 bytes were moved since it was {before}",
                    range(least, most)
                ),
            )
        };
        apply.hold(smart::DATA_UNITS, low <= to + most, || {
            let (observed, because) = story();
            (observed, format!("at most {}", (to + most).div_ceil(1000)), because)
        });
        apply.expect(smart::DATA_UNITS, high >= from + least, story);
    }
}

/// The counters of power against what the log tells of it.
fn losses(apply: &mut Apply, now: &SmartHealth, before: &SmartHealth, kept: &KeptSmart) {
    let lives = apply.controller().lives;
    let cycles = u128::from(lives.power_losses - kept.lives.power_losses);
    let grown = now.pwrc().wrapping_sub(before.pwrc());
    apply.expect(smart::LIFETIME, grown == cycles, || {
        (format!("power cycles grew by {grown}"), format!("power was lost {cycles} times since"))
    });
    let sure = u128::from(lives.sudden_losses - kept.lives.sudden_losses);
    let unsure = u128::from(lives.unsure_losses - kept.lives.unsure_losses);
    let grown = now.upl().wrapping_sub(before.upl());
    apply.hold(smart::UNEXPECTED_LOSSES, (sure..=sure + unsure).contains(&grown), || {
        let allowed = format!("growth by {}", range(sure, sure + unsure));
        let because = format!(
            "of {cycles} losses of power {sure} came while CSTS.SHST was not 10b, \
             and of {unsure} that is not known"
        );
        (format!("unexpected power losses grew by {grown}"), allowed, because)
    });
}

/// What the page says of temperatures.
fn temperatures(page: &SmartHealth) -> Temperatures {
    let [one, two, three, four] = [page.tsen1(), page.tsen2(), page.tsen3(), page.tsen4()];
    let [five, six, seven, eight] = [page.tsen5(), page.tsen6(), page.tsen7(), page.tsen8()];
    let sensors = [one, two, three, four, five, six, seven, eight];
    Temperatures { composite: page.ctemp(), sensors }
}

/// Temperature Threshold Condition (TTC) of Critical Warning.
fn warns(page: &SmartHealth) -> bool {
    CriticalWarning::from_bits(page.cw()).ttc()
}

/// How the page's temperatures stand to the thresholds that were in force when it was made; `None`: those
/// may have changed beside it.
fn crossed(controller: &Controller, page: &SmartHealth, version: Version) -> Option<Crossing> {
    let steady = !controller.thresholds_unsure;
    steady.then(|| crossing(controller, &temperatures(page), version))
}

/// Holds the warning about temperatures against the thresholds: the page shows both as they were when it
/// was made. Base-2.3 §5.2.26.1.3.
fn warning(apply: &mut Apply, page: &SmartHealth) {
    let version = apply.version;
    let Some(crossed) = crossed(apply.controller(), page, version) else { return };
    let warns = warns(page);
    let story = |allowed: &str, because: &str| {
        let told = temperatures(page);
        let observed =
            format!("CW {:02X}h at {} K, sensors {:?}", page.cw(), told.composite, told.sensors);
        (observed, allowed.to_string(), because.to_string())
    };
    let beyond = || story("bit 1 set", "a temperature is beyond its threshold");
    match crossed {
        Crossing::Beyond => {
            apply.hold(smart::TEMPERATURE_WARNING, warns, beyond);
            apply.hold(temperature_threshold::CROSSED, warns, beyond);
        }
        Crossing::Equal => apply.hold(temperature_threshold::INCLUSIVE, warns, || {
            story("bit 1 set", "a temperature is equal to its threshold")
        }),
        Crossing::Within => apply.hold(smart::TEMPERATURE_WARNING, !warns, || {
            story("bit 1 clear", "no temperature has reached a threshold")
        }),
        Crossing::Unknown => {}
    }
}

/// Up to 1.4 the texts of the page and of the feature disagree on a temperature that is equal to its
/// threshold and beyond no other. Whether the page counts it as crossed, if it shows one.
pub fn counts_equality(
    cmd: &GetLogPage,
    controller: &Controller,
    version: Version,
    bytes: &[u8],
) -> Option<bool> {
    let page = SmartHealth(*bytes.first_chunk::<512>()?);
    let whole = starts_at(cmd, controller) == Some(0);
    let equal = crossed(controller, &page, version) == Some(Crossing::Equal);
    (whole && equal && version < Version::new(2, 0)).then(|| warns(&page))
}

/// Whether the page, or its beginning, warns of a temperature.
pub fn told_warning(cmd: &GetLogPage, controller: &Controller, bytes: &[u8]) -> Option<bool> {
    let whole = starts_at(cmd, controller) == Some(0);
    bytes.first().filter(|_| whole).map(|cw| CriticalWarning::from_bits(*cw).ttc())
}

fn seen(apply: &mut Apply, bytes: &[u8]) {
    let Some(bytes) = whole::<512>(apply, bytes) else { return };
    let page = SmartHealth(bytes);
    apply.controller().temperatures = Some(temperatures(&page));
    warning(apply, &page);
    hold_all(apply, &page, CLAIMS);
    hold_all(apply, &page, RESERVED_ZERO);
    hold_all(apply, &page, COUNT);
    let (lives, counted) = (apply.controller().lives, apply.controller().counted);
    if let Some(kept) = apply.controller().smart.clone() {
        // Of two pages whose commands were in flight together either may be the older one.
        if kept.counted.is_before(&counted) {
            again(apply, &page, &kept);
        } else if counted.is_before(&kept.counted) {
            return;
        }
    }
    apply.controller().smart = Some(Arc::new(KeptSmart { bytes, counted, lives }));
}
