//! Physical Region Pages: where a command's data lies. Base-2.3 §4.3.1, §4.1.1 figure 92.

use lab::{Action, Capability, Ctl, Lab, NamespaceFacts, Outcome, Shape, Stop, Word, conformance};
use log::Perm;
use spec::command::{GetLogPage, Identify, Read, Write};
use spec::requirement::prp;
use spec::{Addr, Bytes, Cns, Entries, Lba, Lid, Nsid, Qid};

use super::given;

/// A controller, a namespace whose blocks are not larger than a page, and how many blocks make one.
fn pages<'d>(lab: &mut Lab<'d>, pages: u64) -> Result<(Ctl<'d>, NamespaceFacts, u32), Stop> {
    let ctrl = lab.enabled_controller()?;
    let ns = given::namespace(lab, &ctrl)?;
    let page = ctrl.page_bytes();
    lab.needs(u64::from(ns.block_bytes) <= page, "logical blocks no larger than a memory page")?;
    let room = given::transfer_bytes(&ctrl, u64::MAX) >= pages * page;
    lab.needs(room, &format!("MDTS of at least {pages} memory pages"))?;
    let blocks = page / u64::from(ns.block_bytes);
    lab.needs(ns.blocks >= pages * blocks, &format!("a namespace of {pages} memory pages"))?;
    Ok((ctrl, ns, blocks as u32))
}

/// Writes blocks from memory of this shape and reads them back into memory of this shape.
fn there_and_back(ctrl: &mut Ctl<'_>, ns: NamespaceFacts, blocks: u32, shape: Shape) -> Outcome {
    let nsid = Nsid(ns.nsid);
    ctrl.write_shaped(nsid, Lba(0), blocks, shape)?.accepted()?;
    ctrl.read_shaped(nsid, Lba(0), blocks, shape)?.accepted()?;
    ctrl.sweep()?;
    Ok(())
}

/// PRP1 may have any dword offset in its page, up to data that ends with the page.
#[conformance(reqs = [prp::PRP1_OFFSET_LEGAL, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn begins_at_an_offset_in_the_first_page(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, _) = pages(lab, 1)?;
    let last = ctrl.page_bytes() as u32 - ns.block_bytes;
    lab.needs(last > 0, "logical blocks smaller than a memory page")?;
    for offset in [4, 8, 508, 1020, last] {
        let shape = Shape { offset: offset.min(last), ..Shape::default() };
        there_and_back(&mut ctrl, ns, 1, shape)?;
    }
    Ok(())
}

/// Bits 1:0 of PRP1 are refused, or taken for 0: then the data lies where the dword does.
#[conformance(reqs = [prp::LOW_BITS, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn begins_at_a_dword_whatever_the_low_bits_say(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, _) = pages(lab, 1)?;
    let short = u64::from(ns.block_bytes) < ctrl.page_bytes();
    lab.needs(short, "logical blocks smaller than a memory page")?;
    let (nsid, qid) = (Nsid(ns.nsid), ctrl.some_io_queue()?);
    ctrl.write_blocks(nsid, Lba(0), 1)?.accepted()?;
    for bits in 1..=3 {
        // When: a good Write, but for these bits. Then: the block holds its data, or what it held.
        let (write, _) = given::good_write(&mut ctrl, ns, 0, 1)?;
        ctrl.io(qid, Write { prp1: Addr(write.prp1.0 | bits), ..write })?.ruled()?;
        ctrl.read_blocks(nsid, Lba(0), 1)?.accepted()?;
        // The same of a Read.
        let (read, data) = given::good_read(&mut ctrl, ns, 0, 1)?;
        let answer = ctrl.io(qid, Read { prp1: Addr(read.prp1.0 | bits), ..read })?;
        answer.ruled()?;
        if answer.status().is_success() {
            ctrl.see_blocks(&data, nsid)?;
        }
        ctrl.sweep()?;
    }
    Ok(())
}

/// A transfer that crosses one page boundary goes on at PRP2, which is a page of its own.
#[conformance(reqs = [prp::PRP2_PAGE, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn goes_on_in_the_page_that_prp2_names(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 2)?;
    for scattered in [false, true] {
        there_and_back(&mut ctrl, ns, 2 * page, Shape { scattered, ..Shape::default() })?;
    }
    // With an offset the same two pages hold less.
    let offset = ctrl.page_bytes() as u32 - 8;
    there_and_back(&mut ctrl, ns, 1, Shape { offset, ..Shape::default() })
}

/// A transfer that crosses more boundaries goes on in the pages of a PRP list, in its order.
#[conformance(reqs = [prp::PRP2_LIST, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn follows_a_prp_list(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 8)?;
    for scattered in [false, true] {
        for pages in [3, 5, 8] {
            let shape = Shape { scattered, ..Shape::default() };
            there_and_back(&mut ctrl, ns, pages * page, shape)?;
        }
    }
    Ok(())
}

/// Data with an offset needs a list one page earlier, and its last page is used in part.
#[conformance(reqs = [prp::PRP1_OFFSET_LEGAL, prp::PRP2_LIST, data::LAST_WRITTEN,
    dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn follows_a_prp_list_from_an_offset(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 4)?;
    for offset in [4, 516, ctrl.page_bytes() as u32 - 4] {
        there_and_back(&mut ctrl, ns, 2 * page, Shape { offset, ..Shape::default() })?;
        there_and_back(&mut ctrl, ns, 4 * page, Shape { offset, ..Shape::default() })?;
    }
    // Pages apart, which cut no block in two: a list that is not followed leads elsewhere.
    let offset = ns.block_bytes;
    lab.needs(u64::from(offset) < ctrl.page_bytes(), "logical blocks smaller than a memory page")?;
    there_and_back(&mut ctrl, ns, 4 * page, Shape { offset, scattered: true, ..Shape::default() })
}

/// A PRP list may begin inside a page. Filled to the end of that page, its last slot is an entry.
#[conformance(reqs = [prp::LIST_LAST_SLOT, prp::LIST_OFFSET_LEGAL, data::LAST_WRITTEN], hazard = erasing)]
fn takes_the_last_slot_for_an_entry_if_all_fit(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 8)?;
    for entries in [2, 3, 7] {
        let shape = Shape { scattered: true, list_slots: Some(entries), ..Shape::default() };
        there_and_back(&mut ctrl, ns, (entries + 1) * page, shape)?;
    }
    Ok(())
}

/// Where all entries fit into a page of the list none of them is a pointer, not even if the memory
/// that it names holds what looks like a PRP list.
#[conformance(reqs = [prp::LIST_LAST_SLOT, data::LAST_WRITTEN, dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn takes_no_data_page_for_a_list(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, blocks) = pages(lab, 4)?;
    let (page, nsid) = (ctrl.page_bytes(), Nsid(ns.nsid));
    ctrl.write_blocks(nsid, Lba(0), 4 * blocks)?.accepted()?;
    // Given: a destination of four pages, whose third begins with addresses of other memory.
    let (buffer, other) = (ctrl.buffer(4 * page)?, ctrl.buffer(2 * page)?);
    let bait = vec![Word::At(other.id, 0), Word::At(other.id, page)];
    ctrl.perform(&Action::List { at: buffer.place(2 * page), entries: bait })?;
    let entries = [1, 2, 3].map(|n| Word::At(buffer.id, n * page));
    let prp2 = ctrl.prp_list(&entries, Some(3))?.at;

    // When: the host reads into it, by a list that ends with its page.
    let nlb = Entries(4 * blocks);
    let qid = ctrl.some_io_queue()?;
    let read = Read { nsid, nlb, prp1: buffer.at, prp2, ..Read::default() };
    ctrl.io(qid, read)?.accepted()?;

    // Then: the blocks are there, and nowhere else.
    let (at, block_bytes) = (buffer.place(0), ns.block_bytes);
    ctrl.perform(&Action::Blocks { at, block_bytes, blocks: 4 * blocks })?;
    ctrl.sweep()?;
    Ok(())
}

/// If not all entries fit, the last slot of the page points to the next page of the list.
#[conformance(reqs = [prp::LIST_CHAINED, prp::LIST_OFFSET_LEGAL, data::LAST_WRITTEN], hazard = erasing)]
fn follows_a_chain_of_prp_lists(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 8)?;
    // One entry too many, and first pages with little room: with 1 slot there is only the pointer.
    for (slots, pages) in [(2, 4), (6, 8), (3, 8), (1, 3), (1, 8)] {
        let shape = Shape { scattered: true, list_slots: Some(slots), ..Shape::default() };
        there_and_back(&mut ctrl, ns, pages * page, shape)?;
    }
    Ok(())
}

/// A good Write of three pages, whose PRP list is `entries`.
fn write_by_list(
    ctrl: &mut Ctl<'_>,
    ns: NamespaceFacts,
    blocks: u32,
    entries: impl Fn(lab::BufferId, u64) -> Vec<Word>,
) -> Result<Write, Stop> {
    let page = ctrl.page_bytes();
    let buffer = ctrl.buffer_at(4 * page, 0, Perm::ToController, 0x5a)?;
    let prp2 = ctrl.prp_list(&entries(buffer.id, page), None)?.at;
    let (nsid, nlb) = (Nsid(ns.nsid), Entries(3 * blocks));
    Ok(Write { nsid, nlb, prp1: buffer.at, prp2, ..Write::default() })
}

/// An entry of a PRP list with an offset in its page is refused, and nothing is written.
#[conformance(req = prp::LIST_ENTRY_OFFSET, hazard = erasing)]
fn refuses_a_list_entry_with_an_offset(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 3)?;
    there_and_back(&mut ctrl, ns, 3 * page, Shape::default())?;
    let bad = write_by_list(&mut ctrl, ns, page, |id, page| {
        vec![Word::At(id, page + 512), Word::At(id, 2 * page)]
    })?;
    ctrl.io(Qid(1), bad)?.refused_by(prp::LIST_ENTRY_OFFSET)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 3 * page)?.accepted()
}

/// PRP2 with an offset is refused where it is the second page of the data.
#[conformance(req = prp::PRP2_OFFSET, hazard = erasing)]
fn refuses_a_second_page_with_an_offset(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 2)?;
    let (good, _) = given::good_write(&mut ctrl, ns, 0, 2 * page)?;
    let qid = ctrl.some_io_queue()?;
    ctrl.io(qid, good)?.accepted()?;
    ctrl.io(qid, Write { prp2: Addr(good.prp2.0 + 512), ..good })?.refused_by(prp::PRP2_OFFSET)?;
    ctrl.read_blocks(Nsid(ns.nsid), Lba(0), 2 * page)?.accepted()
}

/// A pointer to the next page of a PRP list with an offset is refused.
#[conformance(req = prp::LIST_CHAIN_OFFSET, hazard = erasing)]
fn refuses_a_chain_pointer_with_an_offset(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, blocks) = pages(lab, 4)?;
    let page = ctrl.page_bytes();
    let buffer = ctrl.source(4 * page)?;
    let list = ctrl.source(2 * page)?;
    // The list begins with the last two slots of a page: an entry, and the pointer.
    for (at, entries) in [
        (page - 16, vec![Word::At(buffer.id, page), Word::At(list.id, page + 8)]),
        (page + 8, vec![Word::At(buffer.id, 2 * page), Word::At(buffer.id, 3 * page)]),
    ] {
        ctrl.perform(&Action::List { at: list.place(at), entries })?;
    }
    let (prp1, prp2) = (buffer.at, Addr(list.at.0 + page - 16));
    let (nsid, nlb) = (Nsid(ns.nsid), Entries(4 * blocks));
    let qid = ctrl.some_io_queue()?;
    ctrl.io(qid, Write { nsid, nlb, prp1, prp2, ..Write::default() })?
        .refused_by(prp::LIST_CHAIN_OFFSET)
}

/// Offsets and page boundaries follow CC.MPS, not the smallest page.
#[conformance(reqs = [prp::PAGE_SIZE, prp::PAGE_SIZE_SELECTED, data::LAST_WRITTEN,
    dma::WRITE_WITHIN_PRPS], hazard = erasing)]
fn counts_in_pages_of_the_size_selected(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.controller(0)?;
    let cap = ctrl.cap()?;
    lab.needs(cap.mpsmax() > cap.mpsmin(), "CAP.MPSMAX above CAP.MPSMIN")?;
    for mps in cap.mpsmin() + 1..=cap.mpsmax().min(cap.mpsmin() + 3) {
        given::enable_with_pages(&mut ctrl, mps)?;
        ctrl.identify()?;
        let ns = given::namespace(lab, &ctrl)?;
        let page = ctrl.page_bytes();
        let room = given::transfer_bytes(&ctrl, u64::MAX) >= 4 * page;
        lab.needs(room, "MDTS of at least four of the pages selected")?;
        let blocks = (page / u64::from(ns.block_bytes)) as u32;
        lab.needs(ns.blocks >= 4 * u64::from(blocks), "a namespace of four such pages")?;
        // An offset beyond the smallest page, then two pages, then a list with a full last slot.
        let beyond = Shape { offset: 4096 + 8, ..Shape::default() };
        there_and_back(&mut ctrl, ns, 1, beyond)?;
        there_and_back(&mut ctrl, ns, 2 * blocks, Shape { scattered: true, ..Shape::default() })?;
        let list = Shape { scattered: true, list_slots: Some(3), ..Shape::default() };
        there_and_back(&mut ctrl, ns, 4 * blocks, list)?;
        ctrl.disable()?;
    }
    Ok(())
}

/// Identify takes a buffer at any dword offset; what does not fit goes where PRP2 says.
#[conformance(reqs = [prp::ADMIN_NO_LIST, prp::PRP1_OFFSET_LEGAL, identify::PRP2_NO_LIST,
    dma::WRITE_WITHIN_PRPS])]
fn places_an_identify_structure_at_any_offset(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = lab.enabled_controller()?;
    let page = ctrl.page_bytes();
    lab.needs(page == 4096, "CAP.MPSMIN = 0")?;
    for offset in [4, 2048, 4092] {
        let data = ctrl.data(4096, Perm::FromController, Shape { offset, ..Shape::default() })?;
        let (prp1, prp2) = (data.prp1, data.prp2);
        let good = Identify { cns: Cns::IDENTIFY_CONTROLLER, ..Identify::default() };
        ctrl.admin(Identify { prp1, prp2, ..good })?.accepted()?;
        for (place, len) in &data.pieces {
            ctrl.see_bytes(*place, *len)?;
        }
        ctrl.sweep()?;
    }
    Ok(())
}

/// Reads so many bytes of the error log into memory of this shape, and looks at them.
fn read_log(ctrl: &mut Ctl<'_>, bytes: u64, shape: Shape) -> Outcome {
    let data = ctrl.data(bytes, Perm::FromController, shape)?;
    let good = GetLogPage { lid: Lid::ERROR_INFORMATION, ..GetLogPage::default() };
    let (prp1, prp2) = (data.prp1, data.prp2);
    let answer = ctrl.admin(GetLogPage { prp1, prp2, ..good }.with_bytes(Bytes(bytes)))?;
    answer.ruled()?;
    if answer.status().is_success() {
        for (place, len) in &data.pieces {
            ctrl.see_bytes(*place, *len)?;
        }
    }
    ctrl.sweep()?;
    Ok(())
}

/// A controller that returns log pages of three memory pages.
fn with_long_pages<'d>(lab: &mut Lab<'d>) -> Result<Ctl<'d>, Stop> {
    let ctrl = lab.enabled_controller()?;
    let page = ctrl.page_bytes();
    let room = given::transfer_bytes(&ctrl, u64::MAX) >= 3 * page;
    lab.needs(room, "MDTS of at least 3 memory pages")?;
    // Long reads need all 28 bits of NUMD only beyond 16 KiB.
    lab.needs(3 * page <= 16384, "a memory page of 4 KiB")?;
    Ok(ctrl)
}

/// Get Log Page takes a second page, and for more than two pages a PRP list.
#[conformance(reqs = [prp::PRP1_OFFSET_LEGAL, dma::WRITE_WITHIN_PRPS])]
fn places_a_log_page_in_several_pages(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_long_pages(lab)?;
    let page = ctrl.page_bytes();
    for (offset, bytes) in [(32, page), (0, 2 * page), (4, 2 * page), (0, 3 * page)] {
        for scattered in [false, true] {
            read_log(&mut ctrl, bytes, Shape { offset, scattered, ..Shape::default() })?;
        }
    }
    Ok(())
}

/// What PRP2 is follows from the number of dwords that the host asks for, even where the page has no more
/// than one entry: here a page, and a list.
#[conformance(reqs = [prp::ADMIN_LIST, prp::PRP2_PAGE, dma::WRITE_WITHIN_PRPS])]
fn follows_prp2_by_the_length_asked_for(lab: &mut Lab<'_>) -> Outcome {
    let mut ctrl = with_long_pages(lab)?;
    let page = ctrl.page_bytes();
    let offset = page as u32 - 4;
    for bytes in [page, page + 8] {
        read_log(&mut ctrl, bytes, Shape { offset, scattered: true, ..Shape::default() })?;
    }
    Ok(())
}

/// A Write whose data lies where the host has no memory for the controller ends with Data Transfer
/// Error, and the controller goes on.
#[conformance(req = prp::UNMAPPED, hazard = erasing)]
fn fails_a_write_from_memory_that_is_not_there(lab: &mut Lab<'_>) -> Outcome {
    let (mut ctrl, ns, page) = pages(lab, 2)?;
    let enforced = lab.capabilities().dma != lab::DmaVisibility::Guarded;
    let words = "a transport that refuses memory that the host took back, and shows it";
    lab.needs_transport(Capability::Dma, enforced, words)?;
    let qid = ctrl.some_io_queue()?;
    for blocks in [page, 2 * page] {
        // Given: a good Write. When: its memory is taken back before it is sent.
        let (write, data) = given::good_write(&mut ctrl, ns, 0, blocks)?;
        ctrl.io(qid, write)?.accepted()?;
        ctrl.free_data(&data)?;
        // Then: the answer is judged by what the controller could reach.
        ctrl.io(qid, write)?.ruled()?;
    }
    there_and_back(&mut ctrl, ns, page, Shape::default())
}
