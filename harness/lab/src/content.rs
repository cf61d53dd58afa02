//! Actions on host memory: buffers, tagged blocks, PRP lists, and looks at data.

use dut::Arena;
use log::{BlockTag, Body, Ident, content};
use spec::Addr;
use spec::identify::{IdentifyController, IdentifyNamespace};

use crate::action::{Action, BufferId, Seen};
use crate::core::Core;
use crate::host::{ControllerFacts, NamespaceFacts};
use crate::stop::Stop;

/// Bytes of an identity in the payload area.
const IDENT_BYTES: usize = 8;

/// The largest block that the harness handles.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

impl Core<'_> {
    pub(crate) fn execute_on_memory(&mut self, action: &Action) -> Result<Seen, Stop> {
        match action {
            Action::Buffer { .. } => self.make_buffer(action),
            Action::Free { id } => self.free(*id),
            Action::Fill { ctrl, at, block_bytes, blocks, nsid, lba } => {
                let at = self.place(*at)?;
                let lba = self.block(*nsid, *lba)?;
                let tag = BlockTag { nsid: *nsid, writer: u32::from(*ctrl), lba, sequence: 0 };
                self.fill(*ctrl, at, *block_bytes, *blocks, tag)
            }
            Action::HostWrite { at, bytes } => {
                let at = self.place(*at)?;
                self.host_write(0, at, bytes)
            }
            Action::HostSet { at, len, value } => {
                let at = self.place(*at)?;
                self.host_set(at, *len, *value)
            }
            Action::List { at, entries } => {
                let at = self.place(*at)?;
                let mut bytes = Vec::with_capacity(8 * entries.len());
                for entry in entries {
                    bytes.extend_from_slice(&self.word(*entry)?.to_le_bytes());
                }
                self.host_write(0, at, &bytes)
            }
            Action::Blocks { at, block_bytes, blocks } => {
                let at = self.place(*at)?;
                self.see_blocks(at, *block_bytes, *blocks).map(Seen::Blocks)
            }
            Action::Bytes { at, len } => {
                let at = self.place(*at)?;
                self.see_bytes(at, *len).map(Seen::Bytes)
            }
            Action::Sweep => Ok(Seen::Changed(self.sweep_guards())),
            Action::Note(text) => {
                self.push_text(0, text, |payload| Body::Note { payload });
                Ok(Seen::Nothing)
            }
            Action::Claim(claim) => self.claim(*claim),
            other => Err(self.harness(&format!("no way to perform {other:?}"))),
        }
    }

    fn make_buffer(&mut self, action: &Action) -> Result<Seen, Stop> {
        let &Action::Buffer { id, bytes, offset, page, perm, fill } = action else {
            return Ok(Seen::Nothing);
        };
        let memory = &mut self.host.memory;
        let Some(buffer) = memory.allocate(&self.arena, id, bytes, (offset, page), perm) else {
            let why = format!("no room for buffer {id} of {bytes} bytes, or its label is taken");
            return Err(self.harness(&why));
        };
        self.dut.map(buffer.at, bytes, perm).map_err(|fault| self.fault(0, fault))?;
        self.push_now(0, Body::Map { at: buffer.at, len: bytes, perm });
        self.host_set(buffer.at, bytes, fill)
    }

    fn free(&mut self, id: BufferId) -> Result<Seen, Stop> {
        let Some(buffer) = self.host.memory.get(id).copied() else {
            return Err(self.harness(&format!("there is no buffer {id}")));
        };
        let busy = self.host.is_busy(buffer.at, buffer.bytes);
        let Some((at, len)) = self.host.memory.release(id, busy) else { return Ok(Seen::Nothing) };
        if !busy {
            self.dut.unmap(at, len).map_err(|fault| self.fault(0, fault))?;
            self.push_now(0, Body::Unmap { at, len });
        }
        Ok(Seen::Nothing)
    }

    /// Fills blocks with a tag of the next sequence number.
    pub(crate) fn fill(
        &mut self,
        ctrl: u8,
        at: Addr,
        block_bytes: u32,
        blocks: u32,
        tag: BlockTag,
    ) -> Result<Seen, Stop> {
        let size = block_bytes as usize;
        if !(content::HEADER_BYTES..=BLOCK_BYTES_MAX).contains(&size) || !size.is_multiple_of(8) {
            return Err(self.harness(&format!("blocks of {size} bytes cannot carry a tag")));
        }
        self.host.tag_sequence += 1;
        let tag = BlockTag { sequence: self.host.tag_sequence, ..tag };
        let arena = &self.arena;
        let inside = with_block(size, |block| {
            (0..u64::from(blocks)).all(|n| {
                tag.plus(n).fill(block);
                arena.write(Addr(at.0 + n * size as u64), block)
            })
        });
        if !inside {
            return Err(self.harness(&format!("blocks at {at} lie outside the arena")));
        }
        self.push_now(ctrl, Body::Fill { at, block_bytes, blocks, tag });
        Ok(Seen::Nothing)
    }

    pub(crate) fn host_write(&mut self, ctrl: u8, at: Addr, bytes: &[u8]) -> Result<Seen, Stop> {
        if !self.arena.write(at, bytes) {
            return Err(self.harness(&format!("a write to {at}, outside the arena")));
        }
        let payload = self.log.store(bytes);
        self.push_now(ctrl, Body::HostWrite { at, payload });
        Ok(Seen::Nothing)
    }

    fn host_set(&mut self, at: Addr, len: u64, value: u8) -> Result<Seen, Stop> {
        if !self.arena.set(at, len, value) {
            return Err(self.harness(&format!("a write to {at}, outside the arena")));
        }
        self.push_now(0, Body::HostSet { at, len, value });
        Ok(Seen::Nothing)
    }

    /// Looks at blocks: each against its own header, or by a hash of its bytes. Gives the record.
    pub(crate) fn see_blocks(
        &mut self,
        at: Addr,
        block_bytes: u32,
        blocks: u32,
    ) -> Result<u32, Stop> {
        let size = block_bytes as usize;
        if size == 0 || size > BLOCK_BYTES_MAX {
            return Err(self.harness(&format!("blocks of {size} bytes")));
        }
        if !self.arena.covers(at, u64::from(block_bytes) * u64::from(blocks)) {
            return Err(self.harness(&format!("blocks at {at} lie outside the arena")));
        }
        let when = self.now_interval();
        let mut few = [Ident::ZERO; 6];
        if let Some(few_idents) = few.get_mut(..blocks as usize) {
            let idents = few_idents.iter_mut();
            identify_blocks(&self.arena, at, size, idents, |to, ident| *to = ident);
            let body = Body::FewBlocksSeen { at, block_bytes, count: blocks as u8, idents: few };
            return Ok(self.push(0, when, body));
        }
        let (payload, bytes) = self.log.store_in_place(IDENT_BYTES * blocks as usize);
        let idents = bytes.as_chunks_mut::<IDENT_BYTES>().0.iter_mut();
        identify_blocks(&self.arena, at, size, idents, |to, ident| *to = ident.0.to_le_bytes());
        Ok(self.push(0, when, Body::BlocksSeen { at, block_bytes, payload }))
    }

    /// What the record of a look at blocks holds.
    pub(crate) fn idents(&self, record: u32) -> Vec<Ident> {
        let kept = record.checked_sub(self.log.first()).map(|at| at as usize);
        let Some(record) = kept.and_then(|at| self.log.records().get(at)) else {
            return Vec::new();
        };
        match record.body() {
            Body::FewBlocksSeen { count, idents, .. } => idents[..usize::from(count)].to_vec(),
            Body::BlocksSeen { payload, .. } => {
                let words = self.log.payload(payload).as_chunks::<IDENT_BYTES>().0.iter();
                words.map(|word| Ident(u64::from_le_bytes(*word))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn now_interval(&self) -> log::Interval {
        let now = self.dut.now();
        log::Interval { not_before: now, seen: now }
    }

    pub(crate) fn see_bytes(&mut self, at: Addr, len: u64) -> Result<Vec<u8>, Stop> {
        let mut bytes = vec![0; len as usize];
        if !self.arena.read(at, &mut bytes) {
            return Err(self.harness(&format!("a look at {at}, outside the arena")));
        }
        let payload = self.log.store(&bytes);
        self.push_now(0, Body::BytesSeen { at, payload });
        self.learn(at, &bytes);
        Ok(bytes)
    }

    /// Takes over what an Identify data structure tells, if this is one that was just completed.
    fn learn(&mut self, at: Addr, bytes: &[u8]) {
        let Some(found) = self.host.identified.iter().rposition(|(to, ..)| *to == at) else {
            return;
        };
        let (_, cns, nsid, ctrl) = self.host.identified.remove(found);
        let Ok(bytes) = <&[u8; 4096]>::try_from(bytes) else { return };
        match cns {
            0x00 => {
                let Some(facts) = NamespaceFacts::read(nsid, bytes) else { return };
                self.host.namespaces.retain(|ns| ns.nsid != nsid);
                self.host.namespaces.push(facts);
                self.host.namespaces.sort_by_key(|ns| ns.nsid);
            }
            0x01 => {
                let controller = &mut self.host.controllers[usize::from(ctrl)];
                let unit = 4096 << controller.cap.map_or(0, |cap| cap.mpsmin());
                controller.facts = Some(ControllerFacts::read(bytes, unit));
            }
            _ => {}
        }
    }

    /// Sweeps the guards of all buffers and writes down what was covered. Gives the changed bytes.
    pub(crate) fn sweep_guards(&mut self) -> u64 {
        let mut sum = 0;
        for swept in self.host.memory.sweep(&self.arena) {
            sum += swept.changed;
            let body = Body::Sweep { at: swept.at, len: swept.len, changed: swept.changed };
            self.push_now(0, body);
        }
        sum
    }
}

/// Copies each block once, and tells `keep` who it is. The caller has checked that all lie in the arena.
fn identify_blocks<T>(
    arena: &Arena,
    at: Addr,
    size: usize,
    to: impl Iterator<Item = T>,
    keep: impl Fn(T, Ident),
) {
    with_block(size, |block| {
        for (n, to) in to.enumerate() {
            let inside = arena.read(Addr(at.0 + (n * size) as u64), block);
            debug_assert!(inside, "checked by the caller");
            keep(to, content::identify(block));
        }
    });
}

/// Memory for one block. It is cleared first, so small blocks, which most are, get no more than they need.
fn with_block<T>(size: usize, work: impl FnOnce(&mut [u8]) -> T) -> T {
    match size {
        0..=512 => work(&mut [0; 512][..size]),
        513..=4096 => work(&mut [0; 4096][..size]),
        _ => work(&mut vec![0; size]),
    }
}

impl ControllerFacts {
    /// From the Identify Controller data structure; `unit` is the minimum memory page in bytes.
    fn read(bytes: &[u8; 4096], unit: u64) -> Self {
        let id = IdentifyController(bytes);
        Self {
            transfer_bytes_max: match id.mdts() {
                0 => None,
                n => 1_u64.checked_shl(u32::from(n)).map(|n| n.saturating_mul(unit)),
            },
            nn: id.nn(),
            abort_limit: u32::from(id.acl()) + 1,
            event_limit: u32::from(id.aerl()) + 1,
            volatile_write_cache: id.vwc() & 1 != 0,
            oncs: id.oncs(),
            oacs: id.oacs(),
            cntlid: id.cntlid(),
        }
    }
}

impl NamespaceFacts {
    /// From the Identify Namespace data structure; `None` if the namespace is inactive (all zeroes).
    fn read(nsid: u32, bytes: &[u8; 4096]) -> Option<Self> {
        let id = IdentifyNamespace(bytes);
        let blocks = id.nsze();
        let format = id.format();
        let lbads = u32::from(format.lbads());
        (blocks != 0 && (9..=16).contains(&lbads)).then(|| Self {
            nsid,
            blocks,
            block_bytes: 1 << lbads,
            metadata_bytes: format.ms(),
        })
    }
}
