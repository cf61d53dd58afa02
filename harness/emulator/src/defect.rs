//! Planted defects: one file each. A defect sits in the seams ([`crate::seam`]) and nowhere else.
//!
//! A new one: its file, its line in `mod` and in [`TABLE`]. `tests/defects.rs` checks that the
//! requirements it names exist.

mod abort_lies;
mod abort_reaches_others;
mod accept_any_cqid;
mod admin_queue_of_first_enable;
mod aer_limit_ignored;
mod broadcast_sets_first;
mod completion_lost_when_cq_full;
mod completions_by_submission_queue;
mod controller_id_counts_up;
mod cq_head_out_of_range_obeyed;
mod cq_overrun;
mod cqe_before_data;
mod cqe_twice;
mod cqid_wrong_status;
mod csi_ignored;
mod data_units_not_in_thousands;
mod delete_cq_in_use;
mod descriptor_length_wrong;
mod dma_after_reset;
mod doorbell_out_of_range_obeyed;
mod enabled_once;
mod entry_sizes_not_kept;
mod error_recovery_of_all;
mod event_repeated;
mod event_request_completes;
mod event_request_not_abortable;
mod feature_kept_over_reset;
mod feature_values_unchecked;
mod firmware_slot_stale;
mod flush_does_nothing;
mod fua_ignored;
mod full_queue_stops_all;
mod get_features_dword_11;
mod identify_beyond_one_page;
mod identify_list_unsorted;
mod inactive_namespace_identified;
mod inactive_namespace_readable;
mod intmc_does_nothing;
mod largest_queue_refused;
mod lba_range_off_by_one;
mod lba_truncated;
mod list_as_completion_queue;
mod list_offset_dropped;
mod log_page_list_refused;
mod log_read_refused;
mod mdts_ignored;
mod mdts_itself_refused;
mod msix_while_masked;
mod nguid_byte_order;
mod non_contiguous_with_cqr;
mod not_saveable_saved;
mod nsid_ignored;
mod number_of_queues_any_time;
mod number_of_queues_one_based;
mod number_of_queues_shared;
mod one_block_refused;
mod pages_of_4_kib;
mod phase_kept_over_reset;
mod phase_wrong_after_wrap;
mod power_loss_not_counted;
mod prp1_offset_refused;
mod prp2_ignored;
mod prp_list_off_by_one;
mod qprio_checked;
mod queue_zero_deletable;
mod rae_ignored;
mod rdy_never_falls;
mod rdy_never_rises;
mod recovery_unasked;
mod reserved_cqe_bits;
mod reset_clears_admin_registers;
mod reset_harms_others;
mod reset_keeps_events;
mod reset_keeps_interrupt_mask;
mod reset_keeps_queues;
mod saved_feature_lost;
mod second_tail_lost;
mod set_features_unknown;
mod shared_vector_refused;
mod shutdown_never_completes;
mod shutdown_stops_others;
mod smart_event_unasked;
mod sqhd_beyond_tail;
mod stale_read_after_reset;
mod two_slots_refused;
mod unknown_opcode_succeeds;
mod unmapped_succeeds;
mod unsupported_feature_listed;
mod unsupported_page_listed;
mod ver_differs_from_vs;
mod victim_runs_after_abort;
mod warning_never_set;
mod wce_ignored;
mod wraps_one_early;
mod write_without_effects;
mod wrong_cid;
mod wrong_sqid;
mod wrong_vector;

use spec::command::{Command, GetLogPage, Identify};
use spec::{Cns, Lid};

use crate::seam::{Defect, Scene};

/// Every defect, by topic.
pub static TABLE: &[&dyn Defect] = &[
    &phase_wrong_after_wrap::PhaseWrongAfterWrap,
    &sqhd_beyond_tail::SqhdBeyondTail,
    &cqe_twice::CqeTwice,
    &completion_lost_when_cq_full::CompletionLostWhenCqFull,
    &cq_overrun::CqOverrun,
    &doorbell_out_of_range_obeyed::DoorbellOutOfRangeObeyed,
    &cq_head_out_of_range_obeyed::CqHeadOutOfRangeObeyed,
    &queue_zero_deletable::QueueZeroDeletable,
    &accept_any_cqid::AcceptAnyCqid,
    &cqid_wrong_status::CqidWrongStatus,
    &delete_cq_in_use::DeleteCqInUse,
    &prp_list_off_by_one::PrpListOffByOne,
    &prp2_ignored::Prp2Ignored,
    &mdts_ignored::MdtsIgnored,
    &lba_range_off_by_one::LbaRangeOffByOne,
    &lba_truncated::LbaTruncated,
    &stale_read_after_reset::StaleReadAfterReset,
    &dma_after_reset::DmaAfterReset,
    &victim_runs_after_abort::VictimRunsAfterAbort,
    &abort_lies::AbortLies,
    &feature_kept_over_reset::FeatureKeptOverReset,
    &saved_feature_lost::SavedFeatureLost,
    &flush_does_nothing::FlushDoesNothing,
    &fua_ignored::FuaIgnored,
    &wce_ignored::WceIgnored,
    &rdy_never_rises::RdyNeverRises,
    &rdy_never_falls::RdyNeverFalls,
    &shutdown_never_completes::ShutdownNeverCompletes,
    &event_repeated::EventRepeated,
    &rae_ignored::RaeIgnored,
    &msix_while_masked::MsixWhileMasked,
    &wrong_vector::WrongVector,
    &wrong_cid::WrongCid,
    &wrong_sqid::WrongSqid,
    &reserved_cqe_bits::ReservedCqeBits,
    &cqe_before_data::CqeBeforeData,
    &nsid_ignored::NsidIgnored,
    &inactive_namespace_readable::InactiveNamespaceReadable,
    &reset_keeps_queues::ResetKeepsQueues,
    &reset_clears_admin_registers::ResetClearsAdminRegisters,
    &reset_keeps_interrupt_mask::ResetKeepsInterruptMask,
    &reset_keeps_events::ResetKeepsEvents,
    &reset_harms_others::ResetHarmsOthers,
    &identify_list_unsorted::IdentifyListUnsorted,
    &ver_differs_from_vs::VerDiffersFromVs,
    &number_of_queues_one_based::NumberOfQueuesOneBased,
    &number_of_queues_any_time::NumberOfQueuesAnyTime,
    &not_saveable_saved::NotSaveableSaved,
    &intmc_does_nothing::IntmcDoesNothing,
    &aer_limit_ignored::AerLimitIgnored,
    &unknown_opcode_succeeds::UnknownOpcodeSucceeds,
    &unmapped_succeeds::UnmappedSucceeds,
    &non_contiguous_with_cqr::NonContiguousWithCqr,
    &qprio_checked::QprioChecked,
    &get_features_dword_11::GetFeaturesDword11,
    &prp1_offset_refused::Prp1OffsetRefused,
    &identify_beyond_one_page::IdentifyBeyondOnePage,
    &log_page_list_refused::LogPageListRefused,
    &list_as_completion_queue::ListAsCompletionQueue,
    &largest_queue_refused::LargestQueueRefused::Completion,
    &largest_queue_refused::LargestQueueRefused::Submission,
    &log_read_refused::LogReadRefused::Short,
    &log_read_refused::LogReadRefused::Long,
    &shared_vector_refused::SharedVectorRefused,
    &list_offset_dropped::ListOffsetDropped,
    &pages_of_4_kib::PagesOf4Kib,
    &phase_kept_over_reset::PhaseKeptOverReset,
    &full_queue_stops_all::FullQueueStopsAll,
    &completions_by_submission_queue::CompletionsBySubmissionQueue,
    &second_tail_lost::SecondTailLost,
    &two_slots_refused::TwoSlotsRefused,
    &wraps_one_early::WrapsOneEarly,
    &admin_queue_of_first_enable::AdminQueueOfFirstEnable,
    &enabled_once::EnabledOnce,
    &set_features_unknown::SetFeaturesUnknown,
    &one_block_refused::OneBlockRefused,
    &mdts_itself_refused::MdtsItselfRefused,
    &shutdown_stops_others::ShutdownStopsOthers,
    &number_of_queues_shared::NumberOfQueuesShared,
    &abort_reaches_others::AbortReachesOthers,
    &event_request_completes::EventRequestCompletes,
    &event_request_not_abortable::EventRequestNotAbortable,
    &controller_id_counts_up::ControllerIdCountsUp,
    &entry_sizes_not_kept::EntrySizesNotKept,
    &error_recovery_of_all::ErrorRecoveryOfAll,
    &broadcast_sets_first::BroadcastSetsFirst,
    &feature_values_unchecked::FeatureValuesUnchecked,
    &descriptor_length_wrong::DescriptorLengthWrong,
    &nguid_byte_order::NguidByteOrder,
    &csi_ignored::CsiIgnored,
    &inactive_namespace_identified::InactiveNamespaceIdentified,
    &data_units_not_in_thousands::DataUnitsNotInThousands,
    &power_loss_not_counted::PowerLossNotCounted,
    &write_without_effects::WriteWithoutEffects,
    &firmware_slot_stale::FirmwareSlotStale,
    &warning_never_set::WarningNeverSet,
    &smart_event_unasked::SmartEventUnasked,
    &recovery_unasked::RecoveryUnasked,
    &unsupported_page_listed::UnsupportedPageListed,
    &unsupported_feature_listed::UnsupportedFeatureListed,
];

/// Defects whose requirements no rule of the model judges yet: they are there and can be seen, but no
/// suite can kill them, so `lockstep sabotage` leaves them out. With its rule each goes to [`TABLE`].
pub static AWAITING_RULES: &[&dyn Defect] = &[];

/// The defect of a name.
pub fn find(name: &str) -> Option<&'static dyn Defect> {
    TABLE.iter().copied().find(|defect| defect.name() == name)
}

/// Whether the command at hand asks for an Identify structure.
fn identifies(scene: &Scene, cns: Cns) -> bool {
    scene.sqid.is_admin()
        && scene.sqe.opcode() == Identify::OPCODE
        && Identify::project(scene.sqe).cns == cns
}

/// Whether the command at hand asks for a log page from its beginning on.
fn reads_page(scene: &Scene, lid: Lid) -> bool {
    let asked = GetLogPage::project(scene.sqe);
    scene.sqid.is_admin()
        && scene.sqe.opcode() == GetLogPage::OPCODE
        && (asked.lid, asked.lpo) == (lid, 0)
}
