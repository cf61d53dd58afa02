//! Hardware that disappears, hangs, lies and loses interrupts: an answer each time, never a panic,
//! never an end of waiting.

use std::sync::Mutex;

use super::*;

/// What a mock does wrong, and what was done to it.
#[derive(Default)]
struct State {
    /// Every read gives ones.
    removed: bool,
    /// Only registers give ones: memory decoding is lost.
    bar_lost: bool,
    config_fails: bool,
    recalled: Option<&'static str>,
    power_stuck: bool,
    reset_fails: bool,
    hidden_after_reset: bool,
    /// Signals not yet taken: vector, count.
    signals: Vec<(u16, u64)>,
    log: Vec<Result<DmaFault, String>>,
    /// Time, which passes by looking at it and by sleeping.
    now: Duration,
    /// How long was dozed, each time.
    dozes: Vec<Duration>,
    config: Vec<u8>,
    bar: Vec<u8>,
    /// Accesses of registers while the function was in D3hot.
    woke_the_dead: u32,
    on: Option<(IrqKind, u16)>,
    resets: Vec<&'static str>,
}

#[derive(Clone)]
struct Mock(Arc<Mutex<State>>);

/// Offsets of the capabilities of a mock.
const PM: usize = 0x40;
const MSIX: usize = 0x50;
const PCIE: usize = 0x60;
const BAR_BYTES: usize = 0x4000;
const TABLE: usize = 0x2000;
const PENDING: usize = 0x3000;
/// What a look at the clock takes.
const LOOK: Duration = Duration::from_micros(1);

impl Mock {
    fn new() -> Self {
        let mut state = State { config: vec![0; 256], bar: vec![0; BAR_BYTES], ..State::default() };
        let config = &mut state.config;
        config[0x06] = 0x10;
        config[0x08..0x0c].copy_from_slice(&[2, 2, 8, 1]);
        config[0x34] = PM as u8;
        config[PM..PM + 2].copy_from_slice(&[0x01, MSIX as u8]);
        config[MSIX..MSIX + 4].copy_from_slice(&[0x11, PCIE as u8, 3, 0]);
        config[MSIX + 4..MSIX + 8].copy_from_slice(&(TABLE as u32).to_le_bytes());
        config[MSIX + 8..MSIX + 12].copy_from_slice(&(PENDING as u32).to_le_bytes());
        // The last capability points back to the first: a list that never ends.
        config[PCIE..PCIE + 2].copy_from_slice(&[0x10, PM as u8]);
        config[PCIE + 4..PCIE + 8].copy_from_slice(&(1_u32 << 28).to_le_bytes());
        state.bar[8..12].copy_from_slice(&0x0001_0400_u32.to_le_bytes());
        Self(Arc::new(Mutex::new(state)))
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.0.lock().unwrap())
    }

    fn dut(&self) -> Vfio {
        let arena = Arc::new(Arena::new(1 << 20, Addr(1 << 32)).unwrap());
        Vfio::new(Box::new(self.clone()), arena, "a mock".into()).unwrap()
    }
}

impl Hardware for Mock {
    fn bar_bytes(&self, bar: u8) -> u64 {
        if bar == 0 { BAR_BYTES as u64 } else { 0 }
    }
    fn reaches_msix_table(&self) -> bool {
        true
    }
    fn bar_read(&mut self, _: u8, offset: u64, width: Width) -> io::Result<u64> {
        self.with(|state| {
            state.woke_the_dead += u32::from(state.config[PM + 4] & 3 == 3);
            if state.removed || state.bar_lost {
                return Ok(u64::MAX >> (64 - 8 * u32::from(width.bytes())));
            }
            let (mut bytes, at) = ([0; 8], offset as usize);
            let len = usize::from(width.bytes());
            bytes[..len].copy_from_slice(&state.bar[at..at + len]);
            Ok(u64::from_le_bytes(bytes))
        })
    }
    fn bar_write(&mut self, _: u8, offset: u64, width: Width, value: u64) -> io::Result<()> {
        self.with(|state| {
            state.woke_the_dead += u32::from(state.config[PM + 4] & 3 == 3);
            let (at, len) = (offset as usize, usize::from(width.bytes()));
            state.bar[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            Ok(())
        })
    }
    fn config_read(&mut self, offset: u16, bytes: u8) -> io::Result<u32> {
        self.with(|state| {
            if state.config_fails {
                return Err(io::Error::other("gone with the wind"));
            }
            if state.removed {
                return Ok(u32::MAX >> (32 - 8 * u32::from(bytes)));
            }
            let (mut value, at, len) = ([0; 4], usize::from(offset), usize::from(bytes));
            value[..len].copy_from_slice(&state.config[at..at + len]);
            Ok(u32::from_le_bytes(value))
        })
    }
    fn config_write(&mut self, offset: u16, bytes: u8, value: u32) -> io::Result<()> {
        self.with(|state| {
            let (at, len) = (usize::from(offset), usize::from(bytes));
            if !state.power_stuck || at != PM + 4 {
                state.config[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            }
            Ok(())
        })
    }
    fn irq_vectors(&self, kind: IrqKind) -> u16 {
        if kind == IrqKind::Intx { 1 } else { 4 }
    }
    fn irq_enable(&mut self, kind: IrqKind, vectors: u16) -> io::Result<()> {
        self.with(|state| state.on = (vectors != 0).then_some((kind, vectors)));
        Ok(())
    }
    fn irq_take(&mut self, sink: &mut dyn FnMut(u16, u64)) {
        self.with(|state| state.signals.drain(..).for_each(|(vector, count)| sink(vector, count)));
    }
    fn doze(&mut self, nap: Duration) {
        self.with(|state| {
            state.dozes.push(nap);
            state.now += nap;
        });
    }
    fn sleep(&mut self, time: Duration) {
        self.with(|state| state.now += time);
    }
    fn now(&self) -> Duration {
        self.with(|state| {
            state.now += LOOK;
            state.now
        })
    }
    fn function_reset(&mut self) -> io::Result<()> {
        self.with(|state| {
            state.resets.push("function");
            state.bar_lost = state.hidden_after_reset;
            match state.reset_fails {
                true => Err(io::Error::other("no way to reset")),
                false => Ok(()),
            }
        })
    }
    fn can_hot_reset(&self) -> bool {
        false
    }
    fn hot_reset(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn recalled(&mut self) -> Option<String> {
        self.with(|state| state.recalled.map(str::to_string))
    }
    fn kernel_log(&mut self, sink: &mut dyn FnMut(Result<DmaFault, String>)) {
        self.with(|state| state.log.drain(..).for_each(sink));
    }
}

const C: Ctrl = Ctrl(0);

fn vs(dut: &mut Vfio) -> Result<u64, Fault> {
    dut.read(C, register::VS, Width::U32)
}

fn is_gone<T: std::fmt::Debug>(result: Result<T, Fault>) -> bool {
    matches!(result, Err(Fault::Gone(_)))
}

#[test]
fn a_function_is_found_with_its_capabilities_though_their_list_has_no_end() {
    let mut dut = Mock::new().dut();
    assert_eq!(vs(&mut dut), Ok(0x0001_0400));
    let capabilities = dut.capabilities();
    assert_eq!((capabilities.msix_vectors, capabilities.msix_table), (4, true));
    assert_eq!(capabilities.resets, [ResetKind::FunctionLevel]);
    assert_eq!(capabilities.dma, DmaVisibility::Guarded);
}

#[test]
fn all_ones_from_registers_and_configuration_space_is_removal() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| state.removed = true);
    assert!(is_gone(vs(&mut dut)));
    // It does not come back, whatever is asked of it.
    mock.with(|state| state.removed = false);
    assert!(is_gone(vs(&mut dut)));
    assert!(is_gone(dut.write(C, register::CC, Width::U32, 1)));
    assert!(is_gone(dut.ring(C, &[Doorbell { offset: 0x1000, value: 1 }])));
    assert!(is_gone(dut.wait(u64::MAX)));
    assert!(is_gone(dut.irq_setup(C, 1)));
    assert!(is_gone(dut.irq_mask(C, 0, true)));
    assert!(is_gone(dut.irq_pending(C, 0)));
    assert!(is_gone(dut.reset(C, ResetKind::FunctionLevel)));
    assert!(is_gone(dut.set_power(PowerState::D3hot)));
    assert!(is_gone(dut.refresh()));
    dut.drain(&mut |_| {});
}

#[test]
fn all_ones_of_a_function_that_is_there_are_what_was_read() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| state.bar_lost = true);
    assert_eq!(vs(&mut dut), Ok(0xffff_ffff));
    assert_eq!(dut.read(C, register::CAP, Width::U64), Ok(u64::MAX));
    mock.with(|state| state.bar_lost = false);
    assert_eq!(vs(&mut dut), Ok(0x0001_0400));
    // One byte of ones says nothing.
    mock.with(|state| state.bar[0x40] = 0xff);
    assert_eq!(dut.read(C, 0x40, Width::U8), Ok(0xff));
}

#[test]
fn a_function_that_the_kernel_wants_back_is_gone() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| state.recalled = Some("it is being removed"));
    let until = dut.now() + 60_000_000_000;
    let end = loop {
        match dut.wait(until) {
            Ok(Progress::Ran) => {}
            other => break other,
        }
    };
    assert_eq!(end, Err(Fault::Gone("it is being removed".into())));
}

#[test]
fn configuration_space_that_cannot_be_read_is_an_answer() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| (state.config_fails, state.removed) = (true, true));
    assert!(is_gone(vs(&mut dut)));
    let arena = Arc::new(Arena::new(4096, Addr(0)).unwrap());
    let none = Vfio::new(Box::new(mock), arena, String::new());
    assert!(matches!(none, Err(Fault::NoAnswer(_))));
}

#[test]
fn accesses_beyond_the_registers_are_refused_and_other_functions_are_our_own_error() {
    let mut dut = Mock::new().dut();
    for offset in [BAR_BYTES as u32 - 3, BAR_BYTES as u32, u32::MAX] {
        assert!(matches!(dut.read(C, offset, Width::U32), Err(Fault::Refused(_))), "{offset:#x}");
    }
    let bells = [Doorbell { offset: 0x1000, value: 1 }, Doorbell { offset: u32::MAX, value: 1 }];
    assert!(matches!(dut.ring(C, &bells), Err(Fault::Refused(_))));
    assert!(matches!(dut.read(Ctrl(1), 0, Width::U32), Err(Fault::Harness(_))));
    assert!(matches!(dut.irq_mask(C, 4, true), Err(Fault::Harness(_))));
    assert!(matches!(dut.irq_setup(C, 5), Err(Fault::Harness(_))));
    assert!(matches!(dut.reset(C, ResetKind::PowerCycle), Err(Fault::Harness(_))));
}

#[test]
fn a_sleeping_function_is_not_accessed() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    dut.irq_setup(C, 2).unwrap();
    dut.set_power(PowerState::D3hot).unwrap();
    assert!(matches!(vs(&mut dut), Err(Fault::Refused(_))));
    assert!(matches!(dut.write(C, register::CC, Width::U32, 1), Err(Fault::Refused(_))));
    assert!(matches!(dut.irq_mask(C, 0, true), Err(Fault::Refused(_))));
    assert!(matches!(dut.reset(C, ResetKind::FunctionLevel), Err(Fault::Refused(_))));
    assert_eq!(mock.with(|state| state.woke_the_dead), 0);
    // The next test finds it awake, with memory space and bus mastering on, interrupts off.
    mock.with(|state| state.config[4] = 0);
    dut.refresh().unwrap();
    assert_eq!(vs(&mut dut), Ok(0x0001_0400));
    assert_eq!(mock.with(|state| (state.config[4], state.on)), (6, None));
}

#[test]
fn a_power_state_that_does_not_change_is_an_answer() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| state.power_stuck = true);
    assert!(matches!(dut.set_power(PowerState::D3hot), Err(Fault::Refused(_))));
    // It is awake, so it is used.
    assert_eq!(vs(&mut dut), Ok(0x0001_0400));
}

#[test]
fn a_reset_leaves_msix_off_and_one_that_fails_or_never_ends_is_an_answer() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    dut.irq_setup(C, 3).unwrap();
    let outcome = dut.reset(C, ResetKind::FunctionLevel).unwrap();
    assert_eq!(outcome, ResetOutcome { all: false, msix_off: true });
    assert_eq!(mock.with(|state| (state.on, state.resets.len())), (None, 1));
    mock.with(|state| state.reset_fails = true);
    assert!(matches!(dut.reset(C, ResetKind::FunctionLevel), Err(Fault::NoAnswer(_))));
    mock.with(|state| (state.reset_fails, state.hidden_after_reset) = (false, true));
    let end = dut.reset(C, ResetKind::FunctionLevel);
    assert!(matches!(&end, Err(Fault::NoAnswer(why)) if why.contains("reads as ones")), "{end:?}");
}

#[test]
fn a_reset_that_does_not_work_is_not_offered() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    assert_eq!(dut.try_resets(), Ok(vec![]));
    assert_eq!(dut.capabilities().resets, [ResetKind::FunctionLevel]);
    mock.with(|state| state.reset_fails = true);
    let refused = dut.try_resets().unwrap();
    assert!(refused[0].contains("no way to reset"), "{refused:?}");
    assert_eq!(dut.capabilities().resets, []);
    assert_eq!(vs(&mut dut), Ok(0x0001_0400));
    // One that the function does not survive is its end, not a missing reset.
    let mock = Mock::new();
    let mut dut = mock.dut();
    mock.with(|state| state.removed = true);
    assert!(is_gone(dut.try_resets()));
}

#[test]
fn interrupts_are_counted_and_lost_ones_hold_nobody_up() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    dut.irq_setup(C, 2).unwrap();
    mock.with(|state| state.signals = vec![(0, 1), (1, u64::MAX)]);
    let mut seen = Vec::new();
    dut.drain(&mut |event| {
        if let Event::Interrupt { vector, count, not_before, seen: at, .. } = event {
            assert!(not_before <= at);
            seen.push((vector, count));
        }
    });
    assert_eq!(seen, [(0, 1), (1, u32::MAX)]);
    // None comes any more: every wait ends by itself, the first ones at once, the later ones after a
    // nap, and the last nap ends with the time that there is.
    let patience = 20_000_000;
    let until = dut.now() + patience;
    let mut looks = 0;
    while dut.wait(until).unwrap() == Progress::Ran {
        looks += 1;
    }
    let dozes = mock.with(|state| std::mem::take(&mut state.dozes));
    assert_eq!(looks - dozes.len(), YIELDS as usize);
    let (last, others) = dozes.split_last().unwrap();
    assert!(*last <= NAP && others.iter().all(|nap| *nap == NAP), "{dozes:?}");
    let asleep: Duration = dozes.iter().sum();
    assert_eq!((asleep + LOOK * looks as u32).as_nanos() as u64, patience);
    // What the host does next is waited for without sleep again.
    dut.write(C, register::CC, Width::U32, 0).unwrap();
    let until = dut.now() + patience;
    for _ in 0..YIELDS {
        assert_eq!(dut.wait(until), Ok(Progress::Ran));
    }
    assert_eq!(mock.with(|state| state.dozes.len()), 0);
}

#[test]
fn masks_and_pending_bits_are_those_of_the_table() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    dut.irq_mask(C, 3, true).unwrap();
    assert_eq!(mock.with(|state| state.bar[TABLE + 16 * 3 + 12]), 1);
    dut.irq_mask(C, 3, false).unwrap();
    assert_eq!(mock.with(|state| state.bar[TABLE + 16 * 3 + 12]), 0);
    mock.with(|state| state.bar[PENDING] = 1 << 2);
    assert_eq!([dut.irq_pending(C, 1), dut.irq_pending(C, 2)], [Ok(false), Ok(true)]);
}

#[test]
fn a_refused_access_is_told_as_one_of_the_buffer_in_its_page_or_as_one_within_the_page() {
    let mock = Mock::new();
    let mut dut = mock.dut();
    dut.refresh().unwrap();
    let (base, fresh) = (dut.memory().base().0, dut.fresh);
    dut.map(Addr(base + 0x2200), 512, Perm::ToController).unwrap();
    let write = |at| Ok(DmaFault { at, write: true });
    // In the page of the buffer, as most IOMMUs tell it; in a page without one; outside the arena.
    let top = !0xfff_u64;
    let faults = [
        write(base + 0x2000),
        write(base + 0x5000),
        write(0x1000),
        Ok(DmaFault { at: top, write: false }),
    ];
    mock.with(|state| state.log = faults.into());
    dut.write(C, register::CC, Width::U32, 0).unwrap();
    let (mut told, mut lines) = (Vec::new(), 0);
    dut.drain(&mut |event| match event {
        Event::Dma { at, len, write, fault, time, .. } => {
            assert_eq!((fault, time), (true, fresh));
            told.push((at.0, len, write));
        }
        Event::Line(_) => lines += 1,
        Event::Interrupt { .. } => {}
    });
    let buffer = (base + 0x2200, 1, true);
    let pages = [(base + 0x5000, 0x1000, true), (0x1000, 0x1000, true), (top, 0x1000, false)];
    assert_eq!(told, [&[buffer], &pages[..]].concat());
    assert_eq!(lines, 4);
    // Buffers that were given back, and those of the test before, are no places any more.
    dut.unmap(Addr(base + 0x2200), 512).unwrap();
    mock.with(|state| state.log = vec![write(base + 0x2000), Err("kernel: AER".into())]);
    let mut told = Vec::new();
    dut.write(C, register::CC, Width::U32, 0).unwrap();
    dut.drain(&mut |event| told.push(event));
    assert!(matches!(told[1], Event::Dma { len: 0x1000, .. }), "{told:?}");
    assert!(matches!(&told[2], Event::Line(line) if line == "kernel: AER"), "{told:?}");
}
