//! Planted defects: one file each. A defect sits in the seams ([`crate::seam`]) and nowhere else.
//!
//! A new one: its file, its line in `mod` and in [`TABLE`]. `tests/defects.rs` checks that the
//! requirements it names exist.

mod abort_lies;
mod abort_reaches_others;
mod aborted_with_another_status;
mod accept_any_cqid;
mod admin_queue_of_first_enable;
mod aer_limit_ignored;
mod broadcast_sets_first;
mod cc_kept_over_conventional_reset;
mod commands_kept_over_reset;
mod completion_lost_when_cq_full;
mod completions_by_submission_queue;
mod controller_id_counts_up;
mod cq_head_out_of_range_obeyed;
mod cq_overrun;
mod cqe_before_data;
mod cqe_twice;
mod csi_ignored;
mod data_units_not_in_thousands;
mod delete_cq_in_use;
mod descriptor_length_wrong;
mod disagreeing;
mod dma_after_reset;
mod doorbell_kept_over_reset;
mod doorbell_out_of_range_obeyed;
mod enabled_once;
mod entry_sizes_not_kept;
mod error_entries_change;
mod error_recovery_of_all;
mod event_repeated;
mod event_request_completes;
mod event_request_not_abortable;
mod event_types_masked_together;
mod feature_kept_over_reset;
mod feature_values_unchecked;
mod firmware_slot_stale;
mod flush_does_nothing;
mod fua_ignored;
mod full_queue_stops_all;
mod get_features_dword_11;
mod identifiers_made_anew;
mod identify_beyond_one_page;
mod identify_list_unsorted;
mod ien_ignored;
mod inactive_namespace_identified;
mod inactive_namespace_readable;
mod intmc_does_nothing;
mod largest_queue_refused;
mod lba_range_off_by_one;
mod lba_truncated;
mod lifetime_counter_goes_back;
mod list_as_completion_queue;
mod list_offset_dropped;
mod log_page_list_refused;
mod log_read_refused;
mod log_read_rounded_up;
mod mdts_ignored;
mod mdts_itself_refused;
mod misanswered;
mod misfilled;
mod misread;
mod misrefused;
mod msix_while_masked;
mod namespace_lost_in_reset;
mod nguid_byte_order;
mod non_contiguous_with_cqr;
mod not_saveable_saved;
mod nsid_ignored;
mod number_of_queues_any_time;
mod number_of_queues_one_based;
mod number_of_queues_shared;
mod one_block_refused;
mod page_parts_differ;
mod pages_of_4_kib;
mod phase_kept_over_delete;
mod phase_kept_over_reset;
mod phase_wrong_after_wrap;
mod power_loss_not_counted;
mod prp1_offset_refused;
mod prp2_ignored;
mod prp_list_off_by_one;
mod qprio_checked;
mod queue_count_once_ever;
mod queue_deleted_in_name;
mod rae_ignored;
mod rdy_never_falls;
mod rdy_never_rises;
mod recovery_unasked;
mod refused;
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
mod shutdown_flushes_nothing;
mod shutdown_for_good;
mod shutdown_never_completes;
mod shutdown_status_kept;
mod shutdown_stops_others;
mod smart_event_unasked;
mod sqhd_beyond_tail;
mod stale_read_after_reset;
mod temperature_event_missing;
mod two_slots_refused;
mod unseen_writes;
mod unsupported_feature_listed;
mod unsupported_page_listed;
mod ver_differs_from_vs;
mod victim_runs_after_abort;
mod warning_never_set;
mod wce_ignored;
mod wraps_one_early;
mod write_begins_early;
mod write_without_effects;
mod wrong_cid;
mod wrong_sqid;
mod wrong_vector;

use spec::command::{Command, GetLogPage, Identify};
use spec::{Cns, Lid};

use crate::seam::{Defect, Scene};

/// What every member of a family tells of itself by its fields.
macro_rules! told {
    () => {
        fn name(&self) -> &'static str {
            self.name
        }

        fn breaks(&self) -> &'static [&'static str] {
            self.breaks
        }

        fn story(&self) -> &'static str {
            self.story
        }
    };
}
use told;

/// Every defect.
pub static TABLE: &[&dyn Defect] = &joined::<{ count(GROUPS) }>(GROUPS);

/// The defects with a file of their own, and the families.
const GROUPS: &[&[&dyn Defect]] = &[
    SINGLE,
    misrefused::TABLE,
    refused::TABLE,
    misanswered::TABLE,
    misread::TABLE,
    misfilled::controller::TABLE,
    misfilled::namespace::TABLE,
    misfilled::namespace::INDEPENDENT,
    misfilled::namespace::INACTIVE,
    misfilled::namespace::LIST,
    misfilled::namespace::SET_LIST,
    misfilled::namespace::DESCRIPTORS,
    misfilled::others::CONTROLLER,
    misfilled::others::NAMESPACE,
    misfilled::log_pages::SMART,
    misfilled::log_pages::FIRMWARE,
    misfilled::log_pages::ERRORS,
    misfilled::log_pages::EFFECTS,
    misfilled::log_pages::FEATURES,
    disagreeing::TABLE,
];

/// How many defects all groups have.
const fn count(groups: &[&[&dyn Defect]]) -> usize {
    let (mut sum, mut group) = (0, 0);
    while group < groups.len() {
        sum += groups[group].len();
        group += 1;
    }
    sum
}

/// All groups in one, in their order.
const fn joined<const N: usize>(groups: &[&[&'static dyn Defect]]) -> [&'static dyn Defect; N] {
    let mut all = [SINGLE[0]; N];
    let (mut at, mut group) = (0, 0);
    while group < groups.len() {
        let mut n = 0;
        while n < groups[group].len() {
            all[at] = groups[group][n];
            (at, n) = (at + 1, n + 1);
        }
        group += 1;
    }
    all
}

/// Those with a file of their own, by topic.
const SINGLE: &[&dyn Defect] = &[
    &phase_wrong_after_wrap::PhaseWrongAfterWrap,
    &sqhd_beyond_tail::SqhdBeyondTail,
    &cqe_twice::CqeTwice,
    &completion_lost_when_cq_full::CompletionLostWhenCqFull,
    &cq_overrun::CqOverrun,
    &doorbell_out_of_range_obeyed::DoorbellOutOfRangeObeyed,
    &cq_head_out_of_range_obeyed::CqHeadOutOfRangeObeyed,
    &accept_any_cqid::AcceptAnyCqid,
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
    &cc_kept_over_conventional_reset::CcKeptOverConventionalReset,
    &commands_kept_over_reset::CommandsKeptOverReset,
    &doorbell_kept_over_reset::DoorbellKeptOverReset,
    &error_entries_change::ErrorEntriesChange,
    &identifiers_made_anew::IdentifiersMadeAnew,
    &lifetime_counter_goes_back::LifetimeCounterGoesBack,
    &log_read_rounded_up::LogReadRoundedUp,
    &page_parts_differ::PagePartsDiffer,
    &shutdown_status_kept::ShutdownStatusKept,
    &aborted_with_another_status::AbortedWithAnotherStatus,
    &event_types_masked_together::EventTypesMaskedTogether,
    &temperature_event_missing::TemperatureEventMissing,
    &ien_ignored::IenIgnored,
    &queue_deleted_in_name::QueueDeletedInName,
    &shutdown_for_good::ShutdownForGood,
    &shutdown_flushes_nothing::ShutdownFlushesNothing,
    &namespace_lost_in_reset::NamespaceLostInReset,
    &queue_count_once_ever::QueueCountOnceEver,
    &phase_kept_over_delete::PhaseKeptOverDelete,
    &write_begins_early::WriteBeginsEarly,
    &unseen_writes::UnseenWrites::Queue,
    &unseen_writes::UnseenWrites::Controller,
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

/// Whether the command at hand is the admin command of this opcode.
fn is_admin(scene: &Scene, opcode: u8) -> bool {
    scene.sqid.is_admin() && scene.sqe.opcode() == opcode
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
