//! Wire bytes worked out by hand, continued: Identify structures, log pages and features beside those
//! of `golden.rs`. Offsets are bytes from the start of the structure; multi-byte fields are little
//! endian unless a comment says otherwise.

use lockstep_spec as spec;
use spec::feature::*;
use spec::identify::*;
use spec::log_page::effects::scope;
use spec::log_page::*;
use spec::structure::Text;
use spec::{Fid, Lid};

/// N bytes of zero but for the pieces at the given offsets.
fn wire<const N: usize>(pieces: &[(usize, &[u8])]) -> [u8; N] {
    let mut bytes = [0; N];
    for (at, piece) in pieces {
        bytes[*at..*at + piece.len()].copy_from_slice(piece);
    }
    bytes
}

#[test]
fn namespace_identification_list() {
    // Figure 331: NIDT in byte 0, NIDL in byte 1, two reserved bytes, the identifier. A descriptor
    // of NIDL bytes takes 4 more: EUI64 ends at byte 12, NGUID at 32, UUID at 52, CSI at 57.
    let (eui64, nguid, uuid) = (*b"ABCDEFGH", *b"abcdefghijklmnop", *b"0123456789:;<=>?");
    let list = NamespaceIdentificationList::of([
        (Nidt::EUI64, &eui64[..]),
        (Nidt::NGUID, &nguid[..]),
        (Nidt::UUID, &uuid[..]),
        (Nidt::CSI, &[csi::ZONED_NAMESPACE][..]),
    ]);
    let bytes: [u8; 4096] = wire(&[
        (0, &[1, 8]),
        (4, b"ABCDEFGH"),
        (12, &[2, 16]),
        (16, b"abcdefghijklmnop"),
        (32, &[3, 16]),
        (36, b"0123456789:;<=>?"),
        (52, &[4, 1]),
        (56, &[2]),
    ]);
    assert!(list.0 == bytes, "{list}");
    let view = NamespaceIdentificationList(&bytes);
    assert_eq!(view.find(Nidt::NGUID), Some(&nguid[..]));
    assert_eq!(view.iter().map(|d| d.nidt.0).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert!(view.iter().all(|d| d.nidt.length() == Some(d.nid.len() as u8)));
    assert_eq!(view.rest().len(), 4096 - 57);
    assert!(view.to_string().starts_with("nidt 01h   4142434445464748\n"), "{view}");
    // NIDL 0 ends the list; what stands behind it is no descriptor.
    let ended: [u8; 4096] = wire(&[(0, &[4, 1, 0, 7, 9]), (7, &[1, 8])]);
    let view = NamespaceIdentificationList(&ended);
    let only = view.iter().next().unwrap();
    assert_eq!((only.nidt, only.nid, only.reserved), (Nidt::CSI, &[9][..], [0, 7]));
    assert_eq!((view.iter().count(), view.find(Nidt::EUI64)), (1, None));
}

#[test]
fn nvm_identify_namespace() {
    // NVM-1.0 figures 100 and 101. ELBAF2 stands at 12 + 4 * 2 = 20: STS 48 (30h) in bits 6:0, PIF
    // 10b in bits 8:7 is 100h: 0130h.
    let mut ns = NvmIdentifyNamespace::zeroed();
    let mut formats = ns.elbaf();
    formats[2] = ExtendedLbaFormat::new().with_sts(48).with_pif(2);
    ns.set().lbstm(0x0807_0605_0403_0201).pic(3).elbaf(formats);
    let bytes = wire(&[(0, &[1, 2, 3, 4, 5, 6, 7, 8, 3]), (20, &[0x30, 0x01])]);
    assert!(*ns.bytes() == bytes, "{ns}");
    assert!(NvmIdentifyNamespace(&bytes).to_string().contains("elbaf2     STS 48 PIF 2"));
}

#[test]
fn nvm_identify_controller() {
    // NVM-1.0 figure 102.
    let mut id = NvmIdentifyController::zeroed();
    id.set().vsl(1).wzsl(2).wusl(3).dmrl(4).dmrsl(0x0807_0605).dmsl(0x100f_0e0d_0c0b_0a09);
    let bytes: [u8; 4096] = std::array::from_fn(|n| if n < 16 { n as u8 + 1 } else { 0 });
    assert!(*id.bytes() == bytes, "{id}");
}

#[test]
fn independent_identify_namespace() {
    // Figure 335.
    let mut ns = IndependentIdentifyNamespace::zeroed();
    ns.set()
        .nsfeat(0x28)
        .nmic(3)
        .rescap(0x80)
        .fpi(0x99)
        .anagrpid(0x0403_0201)
        .nsattr(1)
        .nvmsetid(0x0605)
        .endgid(0x0807)
        .nstat(5)
        .kpios(2)
        .maxkt(0x0a09)
        .rgrpid(0x0e0d_0c0b);
    let bytes: [u8; 4096] = wire(&[
        (0, &[0x28, 3, 0x80, 0x99]),
        (4, &[1, 2, 3, 4]),
        (8, &[1]),
        (10, &[5, 6, 7, 8]),
        (14, &[5, 2]),
        (16, &[9, 10]),
        (20, &[11, 12, 13, 14]),
    ]);
    assert!(*ns.bytes() == bytes, "{ns}");
}

#[test]
fn smart_health() {
    // Figure 210. 16-byte counters from byte 32 on, in steps of 16.
    let mut page = SmartHealth::zeroed();
    page.set()
        .cw(CriticalWarning::new().with_ttc(true).with_vmbf(true).into_bits())
        .ctemp(0x0136)
        .avsp(100)
        .avspt(10)
        .pused(3)
        .egcws(4)
        .dur(1 << 64)
        .duw(0x0201)
        .hrc(0x0302)
        .hwc(0x0403)
        .cbt(0x0504)
        .pwrc(0x0605)
        .poh(0x0706)
        .upl(0x0807)
        .mdie(0x0908)
        .neile(0x0a09)
        .wctt(0x0b0a)
        .cctt(0x0c0b)
        .tsen1(0x0d0c)
        .tsen8(0x0e0d)
        .tmt1tc(0x0f0e)
        .tmt2tc(0x100f)
        .tttmt1(0x1110)
        .tttmt2(0x1211)
        .olec(0x1312)
        .ipm(0x1413);
    let bytes = wire(&[
        (0, &[0x12, 0x36, 0x01, 100, 10, 3, 4]),
        (40, &[1]),
        (48, &[1, 2]),
        (64, &[2, 3]),
        (80, &[3, 4]),
        (96, &[4, 5]),
        (112, &[5, 6]),
        (128, &[6, 7]),
        (144, &[7, 8]),
        (160, &[8, 9]),
        (176, &[9, 10]),
        (192, &[10, 11]),
        (196, &[11, 12]),
        (200, &[12, 13]),
        (214, &[13, 14]),
        (216, &[14, 15]),
        (220, &[15, 16]),
        (224, &[16, 17]),
        (228, &[17, 18]),
        (232, &[18, 19]),
        (240, &[19, 20]),
    ]);
    assert_eq!(page.bytes(), &bytes);
    let sensors = [0x0d0c, 0, 0, 0, 0, 0, 0, 0x0e0d];
    assert_eq!(SmartHealth(&bytes).sensors(), sensors);
    page.set_sensors(&[1]);
    assert_eq!(page.sensors(), [1, 0, 0, 0, 0, 0, 0, 0]);
    page.set_sensors(&sensors);
    assert_eq!(page.bytes(), &bytes);
}

#[test]
fn firmware_slot() {
    // Figure 212: CAFS 1 in bits 2:0, NAFS 2 in bits 6:4 are 21h; slot n at byte 8 n.
    let mut page = FirmwareSlot::zeroed();
    let afi = ActiveFirmwareInfo::new().with_cafs(1).with_nafs(2);
    page.set()
        .afi(afi.into_bits())
        .frs1(Text::padded("1.0", b' '))
        .frs7(Text::padded("seven", b' '));
    let bytes = wire(&[(0, &[0x21]), (8, b"1.0     "), (56, b"seven   ")]);
    assert_eq!(page.bytes(), &bytes);
    let view = FirmwareSlot(&bytes);
    assert_eq!(view.revision(1).map(|text| text.text()), Some("1.0".into()));
    assert_eq!(view.revision(2), Some(Text([0; 8])));
    assert_eq!((view.revision(0), view.revision(8)), (None, None));
}

#[test]
fn effects_pages() {
    // Figures 207 and 208: page 02h at byte 8; LSUPP bit 0, IOS bit 1, LIDSP in bits 31:16.
    let mut page = SupportedLogPages::zeroed();
    let entry = LidSupported::new().with_lsupp(true).with_ios(true).with_lidsp(0x0201);
    page.set_lids(Lid::SMART_HEALTH_INFORMATION, entry);
    let bytes: [u8; 1024] = wire(&[(8, &[3, 0, 1, 2])]);
    assert!(*page.bytes() == bytes, "{page}");
    assert_eq!(SupportedLogPages(&bytes).lids(Lid(2)), entry);

    // Figures 213 and 214: admin opcode 80h at 4 * 128 = 512, I/O opcode 01h at 1024 + 4. CSUPP 0,
    // LBCC 1, NCC 2, NIC 3, CCC 4; CSER 01b is bit 14 (byte 1 = 40h); CSE 001b is bit 16 and USS bit
    // 19 (byte 2 = 09h); CSP from bit 20 on: bit 0 makes byte 2 19h, bit 5 is bit 25 (byte 3 = 02h).
    let mut page = CommandsSupportedAndEffects::zeroed();
    let whole = CommandEffects::new()
        .with_csupp(true)
        .with_ncc(true)
        .with_ccc(true)
        .with_cser(1)
        .with_cse(1)
        .with_uss(true)
        .with_csp(scope::NAMESPACE | scope::NVM_SUBSYSTEM);
    let write = CommandEffects::new().with_csupp(true).with_lbcc(true).with_nic(true);
    page.set_acs(0x80, whole).set_iocs(1, write);
    let bytes: [u8; 4096] = wire(&[(512, &[0x15, 0x40, 0x19, 0x02]), (1028, &[0x0b])]);
    assert!(*page.bytes() == bytes, "{page}");
    let view = CommandsSupportedAndEffects(&bytes);
    assert_eq!((view.acs(0x80), view.iocs(1), view.iocs(2)), (whole, write, 0.into()));
    assert_eq!(view.to_string(), "acs 80h 02194015h\niocs 01h 0000000Bh\n");

    // Figures 266 and 267: feature 81h at 4 * 129 = 516. FSUPP 0, UDCC 1, NCC 2, NIC 3, CCC 4, USS
    // 19, FSP from bit 20 on: controller scope is bit 21, so byte 2 = 28h.
    let mut page = FeatureIdentifiersSupportedAndEffects::zeroed();
    let entry = FidEffects::new()
        .with_fsupp(true)
        .with_udcc(true)
        .with_nic(true)
        .with_uss(true)
        .with_fsp(scope::CONTROLLER);
    page.set_fis(Fid::HOST_IDENTIFIER, entry);
    let bytes: [u8; 1024] = wire(&[(516, &[0x0b, 0, 0x28, 0])]);
    assert!(*page.bytes() == bytes, "{page}");
    assert_eq!(FeatureIdentifiersSupportedAndEffects(&bytes).fis(Fid(0x81)), entry);

    // Figure 268: Management Interface opcode FFh at byte 1020.
    let mut page = NvmeMiCommandsSupportedAndEffects::zeroed();
    page.set_mics(0xff, CommandEffects::new().with_csupp(true));
    assert!(*page.bytes() == wire(&[(1020, &[1])]), "{page}");
}

#[test]
fn feature_dwords() {
    // Figure 404: AB 5 in bits 2:0, LPW, MPW and HPW in a byte each.
    let arbitration = Arbitration::new().with_ab(5).with_lpw_z(1).with_mpw_z(2).with_hpw_z(3);
    assert_eq!(arbitration.into_bits(), 0x0302_0105);
    assert_eq!(arbitration.burst(), Some(32));
    assert_eq!((Arbitration::from_bits(7).burst(), Arbitration::new().burst()), (None, Some(1)));
    // Figure 405: PS 3 in bits 4:0, WH 2 in bits 7:5.
    assert_eq!(PowerManagement::new().with_ps(3).with_wh(2).into_bits(), 0x43);
    // Figure 407: TMPTH 0157h, TMPSEL 9 in bits 19:16, THSEL 2 in bits 21:20, TMPTHH 5 in bits 24:22.
    let threshold =
        TemperatureThreshold::new().with_tmpth(0x157).with_tmpsel(9).with_thsel(2).with_tmpthh(5);
    assert_eq!(threshold.into_bits(), 0x0169_0157);
    // NVM-1.0 figure 84: TLER in bits 15:0, DULBE in bit 16.
    let recovery = ErrorRecovery::new().with_tler(0x1234).with_dulbe(true);
    assert_eq!(recovery.into_bits(), 0x0001_1234);
    // Figure 474: THR in bits 7:0, TIME in bits 15:8.
    assert_eq!(InterruptCoalescing::new().with_thr_z(3).with_time(7).into_bits(), 0x0703);
    // Figure 475: IV in bits 15:0, CD in bit 16.
    let vector = InterruptVectorConfiguration::new().with_iv(0x102).with_cd(true);
    assert_eq!(vector.into_bits(), 0x0001_0102);
    // NVM-1.0 figure 87.
    assert_eq!(WriteAtomicityNormal::new().with_dn(true).into_bits(), 1);
    // Figure 409.
    type Aec = AsynchronousEventConfiguration;
    for (bit, aec) in [
        (8, Aec::new().with_nan(true)),
        (9, Aec::new().with_fan(true)),
        (10, Aec::new().with_tln(true)),
        (11, Aec::new().with_anacn(true)),
        (12, Aec::new().with_plealcn(true)),
        (13, Aec::new().with_lsian(true)),
        (14, Aec::new().with_egealcn(true)),
        (15, Aec::new().with_nnsshdn(true)),
        (16, Aec::new().with_tthry(true)),
        (17, Aec::new().with_rassn(true)),
        (18, Aec::new().with_rgrp0(true)),
        (19, Aec::new().with_ansan(true)),
        (20, Aec::new().with_ccrcn(true)),
        (21, Aec::new().with_lhcn(true)),
        (27, Aec::new().with_zdcn(true)),
        (28, Aec::new().with_pmdrlpcn(true)),
        (29, Aec::new().with_adlpcn(true)),
        (30, Aec::new().with_hdlpcn(true)),
        (31, Aec::new().with_dlpcn(true)),
    ] {
        assert_eq!(aec.into_bits(), 1 << bit);
    }
    assert_eq!(Aec::new().with_shcw(0x1f).into_bits(), 0x1f);
    // Figure 210 gives the bits of SHCW their order.
    let warnings: [CriticalWarning; 7] = [
        CriticalWarning::new().with_ascbt(true),
        CriticalWarning::new().with_ttc(true),
        CriticalWarning::new().with_ndr(true),
        CriticalWarning::new().with_amro(true),
        CriticalWarning::new().with_vmbf(true),
        CriticalWarning::new().with_pmrro(true),
        CriticalWarning::new().with_ips(true),
    ];
    for (bit, warning) in warnings.iter().enumerate() {
        assert_eq!(warning.into_bits(), 1 << bit);
    }
}
