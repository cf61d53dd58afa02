//! The client of the crate `vfio_user`, which nobody here wrote, at our server.

use std::os::fd::AsRawFd;

use lockstep_vfio_user::server::Doorbells;
use rustix::event::{EventfdFlags, eventfd};
use vfio_user::Client;

use crate::common::{
    ADDRESS, CAP, DONE, MESSAGE, OPERATION, READ, RESULT, RUNG, Serving, WORD, WRITE, memfd,
    word_at,
};

fn read<const N: usize>(client: &mut Client, region: u32, offset: u64) -> [u8; N] {
    let mut bytes = [0; N];
    client.region_read(region, offset, &mut bytes).unwrap();
    bytes
}

fn perform(client: &mut Client, address: u64, operation: u32) {
    client.region_write(0, ADDRESS.into(), &address.to_le_bytes()).unwrap();
    client.region_write(0, OPERATION.into(), &operation.to_le_bytes()).unwrap();
    while read::<4>(client, 0, RESULT.into()) == [0; 4] {
        std::thread::yield_now();
    }
    assert_eq!(read::<4>(client, 0, RESULT.into()), DONE.to_le_bytes());
}

#[test]
fn an_independent_client_finds_its_way_around() {
    let serving = Serving::new(Doorbells::Mapped);
    for _ in 0..2 {
        let mut client = Client::new(&serving.socket).unwrap();
        client.region_write(7, 4, &6u16.to_le_bytes()).unwrap();
        assert_eq!(read::<4>(&mut client, 7, 0), [0x34, 0x12, 0x78, 0x56]);
        assert_eq!(read::<8>(&mut client, 0, 0), CAP.to_le_bytes());

        // Memory by a file descriptor.
        let memory = memfd(8192, true);
        client.dma_map(4096, 0x1000, 4096, memory.as_raw_fd()).unwrap();
        client.region_write(0, WORD.into(), &42u64.to_le_bytes()).unwrap();
        perform(&mut client, 0x1008, WRITE);
        assert_eq!(word_at(&memory, 4096 + 8), 42);
        rustix::io::pwrite(&memory, &43u64.to_ne_bytes(), 4096 + 16).unwrap();
        perform(&mut client, 0x1010, READ);
        assert_eq!(read::<8>(&mut client, 0, WORD.into()), 43u64.to_le_bytes());
        client.dma_unmap(0x1000, 4096).unwrap();

        // Interrupts by eventfds.
        assert_eq!(client.get_irq_info(2).unwrap().count, 4);
        let event = eventfd(0, EventfdFlags::NONBLOCK).unwrap();
        client.set_irqs(2, 0x24, 3, 1, &[event.as_raw_fd()]).unwrap();
        perform(&mut client, 0, MESSAGE | 3 << 8);
        let mut count = [0; 8];
        assert_eq!(rustix::io::read(&event, &mut count), Ok(8));

        // Doorbells through the file that the region came with.
        let region = client.region(0).unwrap();
        let (file, area) = (region.file_offset.as_ref().unwrap(), region.sparse_areas[0]);
        assert_eq!((area.offset, area.size), (0x1000, 0x1000));
        let place = file.start() + area.offset;
        rustix::io::pwrite(file.file(), &1u32.to_le_bytes(), place).unwrap();
        assert_eq!(read::<4>(&mut client, 0, RUNG.into()), 1u32.to_le_bytes());

        client.reset().unwrap();
        client.region_write(7, 4, &6u16.to_le_bytes()).unwrap();
        assert_eq!(read::<4>(&mut client, 0, RUNG.into()), [0; 4]);
        client.shutdown().unwrap();
    }
}
