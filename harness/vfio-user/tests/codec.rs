//! Laws of the codec: what is encoded decodes to the same, nothing panics on any bytes, and every
//! truncation is refused.

use lockstep_vfio_user::message::write_multi::WriteCount;
use lockstep_vfio_user::message::{
    Capabilities, DeviceInfo, DmaAccess, DmaMap, DmaUnmap, Header, IrqInfo, IrqSet, Layout,
    Lockstep, RegionAccess, RegionInfo, RegionInfoReply, RegionIoFds, SetIrqs, SingleWrite,
    SparseArea, Version, WriteMulti,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// The laws of a structure of fixed size.
fn laws<T: Layout + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Result<(), TestCaseError> {
    match T::decode(bytes) {
        Ok(value) => {
            let mut again = Vec::new();
            value.encode(&mut again);
            prop_assert_eq!(&again[..], &bytes[..T::BYTES]);
            for cut in 0..T::BYTES {
                prop_assert!(T::decode(&again[..cut]).is_err(), "{} of {} bytes", T::NAME, cut);
            }
        }
        Err(_) => prop_assert!(bytes.len() < T::BYTES),
    }
    Ok(())
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    let number = || proptest::option::of(any::<u64>());
    let flag = || proptest::option::of(any::<bool>());
    let name = proptest::option::of("[ -~]{0,40}");
    let lockstep = (flag(), flag(), name);
    let lockstep = lockstep.prop_map(|(expendable, msix_table, device)| Lockstep {
        expendable,
        msix_table,
        device,
    });
    (number(), number(), number(), number(), flag(), proptest::option::of(lockstep)).prop_map(
        |(max_msg_fds, max_data_xfer_size, max_dma_maps, pgsizes, write_multiple, lockstep)| {
            Capabilities {
                max_msg_fds,
                max_data_xfer_size,
                max_dma_maps,
                pgsizes,
                write_multiple,
                lockstep,
            }
        },
    )
}

proptest! {
    #[test]
    fn structures_of_fixed_size_are_their_bytes(bytes in vec(any::<u8>(), 0..64)) {
        laws::<Header>(&bytes)?;
        laws::<DeviceInfo>(&bytes)?;
        laws::<DmaAccess>(&bytes)?;
        laws::<DmaMap>(&bytes)?;
        laws::<DmaUnmap>(&bytes)?;
        laws::<IrqInfo>(&bytes)?;
        laws::<IrqSet>(&bytes)?;
        laws::<RegionAccess>(&bytes)?;
        laws::<RegionInfo>(&bytes)?;
        laws::<RegionIoFds>(&bytes)?;
        laws::<SingleWrite>(&bytes)?;
        laws::<SparseArea>(&bytes)?;
        laws::<WriteCount>(&bytes)?;
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in vec(any::<u8>(), 0..600)) {
        let _ = Version::decode(&bytes);
        let _ = RegionInfoReply::decode(&bytes);
        let _ = SetIrqs::decode(&bytes);
        let _ = RegionAccess::with_data(&bytes);
        let _ = DmaAccess::with_data(&bytes);
        let writes = WriteMulti::decode(&bytes).map_or(0, Iterator::count);
        prop_assert!(writes * SingleWrite::BYTES <= bytes.len());
    }

    #[test]
    fn versions_survive(major: u16, minor: u16, capabilities in capabilities()) {
        let version = Version { major, minor, capabilities };
        let mut bytes = Vec::new();
        version.encode(&mut bytes);
        prop_assert_eq!(Version::decode(&bytes).unwrap(), version);
        // The JSON without its end is no JSON; without any it is a version without capabilities.
        for cut in 5..bytes.len() - 2 {
            prop_assert!(Version::decode(&bytes[..cut]).is_err());
        }
        prop_assert!(Version::decode(&bytes[..3]).is_err());
        prop_assert_eq!(Version::decode(&bytes[..4]).unwrap().capabilities, Capabilities::default());
    }

    #[test]
    fn region_infos_survive(
        size: u64,
        offset: u64,
        areas in proptest::option::of(vec((any::<u64>(), any::<u64>()), 0..8)),
        argsz in 32u32..300,
    ) {
        let flags = if areas.is_some() { RegionInfo::CAPS } else { 0 };
        let sparse = areas.map(|areas| {
            areas.into_iter().map(|(offset, size)| SparseArea { offset, size }).collect()
        });
        let reply = RegionInfoReply {
            info: RegionInfo { flags, index: 3, size, offset, ..RegionInfo::default() },
            sparse,
        };
        let mut bytes = Vec::new();
        let whole = reply.encode(&mut bytes, argsz);
        prop_assert!(bytes.len() <= argsz as usize);
        let found = RegionInfoReply::decode(&bytes).unwrap();
        prop_assert_eq!(found.info.size, size);
        prop_assert_eq!(found.sparse, if whole { reply.sparse } else { None });
        prop_assert_eq!(whole, found.info.argsz as usize == bytes.len());
        for cut in 0..RegionInfo::BYTES {
            prop_assert!(RegionInfoReply::decode(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn data_are_as_long_as_their_count_says(data in vec(any::<u8>(), 0..100), address: u64) {
        let mut bytes = Vec::new();
        let access = DmaAccess { address, count: data.len() as u64 };
        access.encode(&mut bytes);
        bytes.extend_from_slice(&data);
        prop_assert_eq!(DmaAccess::with_data(&bytes).unwrap(), (access, &data[..]));
        for cut in 0..bytes.len() {
            prop_assert!(DmaAccess::with_data(&bytes[..cut]).is_err());
        }
        let count = u64::MAX;
        bytes[8..16].copy_from_slice(&count.to_ne_bytes());
        prop_assert!(DmaAccess::with_data(&bytes).is_err());
    }

    #[test]
    fn several_writes_survive(writes in vec((any::<u64>(), any::<u32>(), any::<[u8; 8]>()), 0..9)) {
        let write = |(offset, count, data)| SingleWrite { offset, region: 0, count, data };
        let writes: Vec<_> = writes.into_iter().map(write).collect();
        let mut bytes = Vec::new();
        WriteMulti::encode(&writes, &mut bytes);
        prop_assert_eq!(WriteMulti::decode(&bytes).unwrap().collect::<Vec<_>>(), writes);
        for cut in 0..bytes.len() {
            prop_assert!(WriteMulti::decode(&bytes[..cut]).is_err());
        }
    }
}

#[test]
fn a_chain_of_capabilities_that_never_ends_is_refused() {
    let mut bytes = Vec::new();
    let info =
        RegionInfo { argsz: 40, flags: RegionInfo::CAPS, cap_offset: 32, ..RegionInfo::default() };
    info.encode(&mut bytes);
    // An unknown capability that is its own successor.
    bytes.extend_from_slice(&[9, 0, 1, 0, 32, 0, 0, 0]);
    assert!(RegionInfoReply::decode(&bytes).is_err());
    // One that points into the fixed part.
    bytes[36] = 8;
    assert!(RegionInfoReply::decode(&bytes).is_err());
    // The last one.
    bytes[36] = 0;
    assert_eq!(RegionInfoReply::decode(&bytes).unwrap().sparse, None);
}
