//! The server of the crate `vfio_user`, which nobody here wrote, with our client.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;

use dut::{Ctrl, Doorbell, Dut, Event, Fault, Width};
use lockstep_vfio_user::{Options, VfioUser};
use log::ResetKind;
use spec::Addr;
use vfio_bindings::bindings::vfio::vfio_region_info;
use vfio_user::{DmaMapFlags, DmaUnmapFlags, IrqInfo, Server, ServerBackend, ServerRegion};

/// A BAR 0 that is memory; a write to 40h copies 8 bytes of host memory from there to 48h and 8 bytes
/// further on, and signals vector 1.
struct Backend {
    bar0: Vec<u8>,
    memory: Option<(u64, File, u64)>,
    vectors: Vec<Option<File>>,
}

impl Backend {
    fn copy(&mut self, address: u64) -> Result<(), Error> {
        let (base, file, offset) = self.memory.as_ref().ok_or(ErrorKind::NotFound)?;
        let mut word = [0; 8];
        file.read_exact_at(&mut word, address - base + offset)?;
        file.write_all_at(&word, address - base + offset + 8)?;
        self.bar0[0x48..0x50].copy_from_slice(&word);
        if let Some(Some(event)) = self.vectors.get_mut(1) {
            std::io::Write::write_all(event, &1u64.to_ne_bytes())?;
        }
        Ok(())
    }
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> Result<(), Error> {
        data.fill(0);
        match (region, offset) {
            (0, 0x200) => return Err(ErrorKind::InvalidInput.into()),
            (0, _) => data.copy_from_slice(&self.bar0[offset as usize..][..data.len()]),
            (7, 8) => data.copy_from_slice(&[1, 2, 8, 1]),
            (7, 0x34) => data[0] = 0x40,
            (7, 0x40) => data.copy_from_slice(&[0x11, 0, 3, 0]),
            _ => {}
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> Result<(), Error> {
        if region == 0 {
            self.bar0[offset as usize..][..data.len()].copy_from_slice(data);
            if offset == 0x40 {
                return self.copy(u64::from_le_bytes(data.try_into().unwrap()));
            }
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        _: DmaMapFlags,
        offset: u64,
        address: u64,
        _: u64,
        fd: Option<File>,
    ) -> Result<(), Error> {
        self.memory = fd.map(|file| (address, file, offset));
        Ok(())
    }

    fn dma_unmap(&mut self, _: DmaUnmapFlags, _: u64, _: u64) -> Result<(), Error> {
        self.memory = None;
        Ok(())
    }

    fn reset(&mut self) -> Result<(), Error> {
        self.bar0.fill(0);
        Ok(())
    }

    fn set_irqs(
        &mut self,
        _: u32,
        _: u32,
        start: u32,
        count: u32,
        fds: Vec<File>,
    ) -> Result<(), Error> {
        if count == 0 {
            self.vectors.clear();
        }
        self.vectors.resize_with((start + count) as usize, || None);
        for (n, fd) in fds.into_iter().enumerate() {
            self.vectors[start as usize + n] = Some(fd);
        }
        Ok(())
    }
}

fn region(index: u32, size: u64) -> ServerRegion {
    let argsz = size_of::<vfio_region_info>() as u32;
    let region_info = vfio_region_info { argsz, flags: 3, index, cap_offset: 0, size, offset: 0 };
    ServerRegion { region_info, sparse_areas: Vec::new(), mmap_fd: None }
}

#[test]
fn our_client_works_with_an_independent_server() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let regions = (0..9).map(|n| region(n, if n == 0 { 0x4000 } else { 4096 })).collect();
    let irqs = (0..5).map(|index| IrqInfo { index, flags: 1, count: 4 }).collect();
    let server = Server::new(&socket, true, irqs, regions).unwrap();
    let serving = std::thread::spawn(move || {
        let mut bar0 = vec![0; 0x4000];
        bar0[..8].copy_from_slice(&0x2001_00ffu64.to_le_bytes());
        let mut backend = Backend { bar0, memory: None, vectors: Vec::new() };
        server.run(&mut backend).unwrap();
    });
    let sockets = vec![socket.clone()];
    let mut dut =
        VfioUser::open(Options { sockets, memory: 1 << 20, ..Options::default() }).unwrap();
    let ctrl = Ctrl(0);
    assert_eq!(dut.capabilities().msix_vectors, 4);
    assert_eq!(dut.read(ctrl, 0, Width::U64), Ok(0x2001_00ff));
    dut.ring(ctrl, &[Doorbell { offset: 0x1000, value: 9 }, Doorbell { offset: 0x1004, value: 8 }])
        .unwrap();
    assert_eq!(dut.read(ctrl, 0x1000, Width::U64), Ok(9 | 8 << 32));

    dut.irq_setup(ctrl, 3).unwrap();
    let at = dut.memory().base().0 + 0x1000;
    assert!(dut.memory().write(Addr(at), &77u64.to_le_bytes()));
    dut.write(ctrl, 0x40, Width::U64, at).unwrap();
    assert_eq!(dut.read(ctrl, 0x48, Width::U64), Ok(77));
    let mut copied = [0; 8];
    assert!(dut.memory().read(Addr(at + 8), &mut copied));
    assert_eq!(u64::from_le_bytes(copied), 77);
    let mut events = Vec::new();
    dut.drain(&mut |event| events.push(event));
    assert!(matches!(events[..], [Event::Interrupt { vector: 1, count: 1, .. }]), "{events:?}");

    // A refusal is an observation, and the server lives on.
    assert!(matches!(dut.read(ctrl, 0x200, Width::U32), Err(Fault::Refused(_))));
    dut.reset(ctrl, ResetKind::FunctionLevel).unwrap();
    assert_eq!(dut.read(ctrl, 0x48, Width::U64), Ok(0));
    drop(dut);
    serving.join().unwrap();
}
