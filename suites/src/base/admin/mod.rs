//! Admin commands. Base-2.3 chapter 5.

pub mod abort;
pub mod async_event_request;
pub mod create_io_cq;
pub mod create_io_sq;
pub mod delete_io_cq;
pub mod delete_io_sq;
pub mod feature_values;
pub mod get_features;
pub mod get_log_page;
pub mod health_events;
pub mod identify;
pub mod identify_structures;
pub mod log_pages;
pub mod number_of_queues;
pub mod set_features;
pub mod volatile_write_cache;
