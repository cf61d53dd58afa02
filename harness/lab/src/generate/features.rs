//! Rounds of Get Features and Set Features: legal values, and values that must be refused.

use spec::command::{GetFeatures, SetFeatures};
use spec::feature::{
    Arbitration, AsynchronousEventConfiguration, ErrorRecovery, InterruptCoalescing,
    InterruptVectorConfiguration, NumberOfQueues, PowerManagement, TemperatureThreshold,
    VolatileWriteCache, WriteAtomicityNormal,
};
use spec::{Entries, Fid, Nsid};

use super::plan::{Plan, Question};
use super::tables::FEATURES;
use crate::action::{Hazard, Links};

/// What dword 11 may hold for a feature.
pub(super) struct Values {
    /// What Set Features takes.
    good: u32,
    /// What it must not take, if there is such a value.
    bad: Option<u32>,
    /// The bits that also select a value in Get Features.
    selector: u32,
}

impl Plan<'_> {
    /// Gets or sets a feature; what was set is asked for at once or later.
    pub(super) fn feature_round(&mut self, ctrl: u8) {
        if self.random.one_in(12) {
            return self.undefined_feature(ctrl);
        }
        if self.random.one_in(24) {
            // Some of them return a structure, a page at most.
            let fid = Fid(*self.random.pick(&FEATURES.by_name));
            let sqe = GetFeatures { fid, ..Default::default() }.into();
            return self.ask(ctrl, &Question { sqe, bytes: 4096 }, false);
        }
        // Data hangs on the write cache, so it is set more often than the others.
        let any = Fid(*self.random.pick(&FEATURES.modelled));
        let fid = if self.random.one_in(6) { Fid::VOLATILE_WRITE_CACHE } else { any };
        let Some(values) = self.values(ctrl, fid) else { return };
        // One feature has a value for each namespace.
        let nsid = if fid == Fid::ERROR_RECOVERY { self.some_namespace() } else { Nsid(0) };
        let get =
            GetFeatures { nsid, fid, cdw11: values.good & values.selector, ..Default::default() };
        if self.random.one_in(2) {
            return self.get(ctrl, get);
        }
        if fid == Fid::NUMBER_OF_QUEUES && !self.has_io_queues(ctrl) {
            // What is granted before there are queues is what they may be.
            return;
        }
        if self.random.one_in(2) {
            self.look_around(ctrl, get);
        }
        let mut set = SetFeatures { nsid, fid, cdw11: values.good, ..SetFeatures::default() };
        match self.random.below(6) {
            0 if let Some(bad) = values.bad => set.cdw11 = bad,
            1 => set.nsid = self.no_namespace(),
            2 | 3 if self.options.consent >= Hazard::Erasing => set.sv = true,
            _ => {}
        }
        self.admin(ctrl, set, Links::default());
        let question = Question { sqe: get.into(), bytes: 0 };
        match self.random.one_in(2) {
            true => self.ask_and_keep(ctrl, question),
            false => self.asked.push(question),
        }
    }

    /// Asks what a Set Features may do and what must not change with it: capabilities and default value,
    /// the values of other namespaces.
    fn look_around(&mut self, ctrl: u8, get: GetFeatures) {
        for sel in [3, 1] {
            self.admin(ctrl, GetFeatures { sel, ..get }, Links::default());
        }
        let nsid = self.some_namespace();
        if get.nsid.0 != 0 && nsid != get.nsid {
            let other = GetFeatures { nsid, ..get }.into();
            self.ask_and_keep(ctrl, Question { sqe: other, bytes: 0 });
        }
    }

    fn get(&mut self, ctrl: u8, get: GetFeatures) {
        let any = self.random.number() as u32;
        let get = match self.random.below(8) {
            0 => GetFeatures { sel: self.random.between(1, 3) as u8, ..get },
            1 => GetFeatures { sel: self.random.between(4, 7) as u8, ..get },
            2 => GetFeatures { nsid: self.no_namespace(), ..get },
            // A feature with one value takes no notice of it.
            3 if get.fid == Fid::NUMBER_OF_QUEUES => GetFeatures { cdw11: any, ..get },
            _ => get,
        };
        self.admin(ctrl, get, Links::default());
    }

    fn undefined_feature(&mut self, ctrl: u8) {
        let fid = Fid(*self.random.pick(&FEATURES.undefined));
        if self.random.one_in(2) || self.options.consent < Hazard::Irreversible {
            self.admin(ctrl, GetFeatures { fid, ..Default::default() }, Links::default());
        } else {
            self.admin(ctrl, SetFeatures { fid, ..Default::default() }, Links::default());
        }
    }

    fn has_io_queues(&mut self, ctrl: u8) -> bool {
        !self.ctrl(ctrl).sqs.is_empty() || !self.ctrl(ctrl).cqs.is_empty()
    }

    /// Values of a feature. `None`: none is known here, so it is not sent.
    pub(super) fn values(&mut self, ctrl: u8, fid: Fid) -> Option<Values> {
        let byte = self.random.below(256) as u8;
        let word = self.random.below(1 << 16) as u16;
        let flag = self.random.one_in(2);
        let alone = |good: u32| Values { good, bad: None, selector: 0 };
        Some(match fid {
            Fid::ARBITRATION => {
                let weights = Arbitration::new().with_lpw_z(byte).with_mpw_z(byte).with_hpw_z(byte);
                let value = if flag { weights } else { Arbitration::new() };
                alone(value.with_ab(word as u8 & 7).into_bits())
            }
            Fid::POWER_MANAGEMENT => {
                // How many states there are is not looked up: the last ones hardly any controller has.
                let value = PowerManagement::new().with_wh(byte % 3);
                let ps = if flag { 0 } else { word as u8 % 4 };
                let bad = Some(value.with_ps(31).into_bits());
                Values { bad, ..alone(value.with_ps(ps).into_bits()) }
            }
            Fid::TEMPERATURE_THRESHOLD => self.thresholds(word % 500),
            Fid::ERROR_RECOVERY => alone(ErrorRecovery::new().with_tler(word).into_bits()),
            Fid::VOLATILE_WRITE_CACHE => {
                alone(VolatileWriteCache::new().with_wce(flag).into_bits())
            }
            Fid::NUMBER_OF_QUEUES => {
                let [sqs, cqs] = [word & 0xf, word >> 4 & 0xf].map(|n| Entries(u32::from(n) + 1));
                let value = NumberOfQueues::of(sqs, cqs).into_bits();
                Values { bad: Some(value | 0xffff), ..alone(value) }
            }
            Fid::INTERRUPT_COALESCING => {
                let value = InterruptCoalescing::new().with_thr_z(byte % 8).with_time(byte / 16);
                alone(value.into_bits())
            }
            Fid::INTERRUPT_VECTOR_CONFIGURATION => {
                // Before queues use the others there is none but vector 0.
                let vectors =
                    if self.ctrl(ctrl).msix { self.options.msix_vectors.max(1) } else { 1 };
                let value = InterruptVectorConfiguration::new().with_cd(flag);
                Values {
                    good: value.with_iv(word % vectors).into_bits(),
                    bad: Some(value.with_iv(0xfffe).into_bits()),
                    selector: 0xffff,
                }
            }
            Fid::WRITE_ATOMICITY_NORMAL => {
                alone(WriteAtomicityNormal::new().with_dn(flag).into_bits())
            }
            Fid::ASYNCHRONOUS_EVENT_CONFIGURATION => {
                let value = AsynchronousEventConfiguration::new().with_shcw(byte & 0x1f);
                let notice = value.with_nan(flag).with_fan(word & 1 != 0);
                let bad = Some(value.with_egealcn(true).into_bits());
                Values { bad, ..alone(notice.into_bits()) }
            }
            _ => return None,
        })
    }

    fn thresholds(&mut self, kelvins: u16) -> Values {
        let value = TemperatureThreshold::new().with_tmpth(kelvins);
        let sensor = self.random.between(0, 3) as u8;
        let reserved = self.random.between(9, 14) as u8;
        let under = self.random.one_in(2);
        let good = value.with_tmpsel(sensor).with_thsel(u8::from(under));
        let bad = if under { value.with_tmpsel(reserved) } else { value.with_thsel(2) };
        Values { good: good.into_bits(), bad: Some(bad.into_bits()), selector: 0x3f_0000 }
    }
}
