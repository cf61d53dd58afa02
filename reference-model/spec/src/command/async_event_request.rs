//! Asynchronous Event Request.

command! {
    /// Asynchronous Event Request (opcode 0Ch). Base-2.3 §5.2.2. No field beyond dword 0; what
    /// happened stands in dword 0 of the completion ([`crate::event::AsyncEvent`]).
    AsyncEventRequest "async-event-request" Admin 0x0c {}
}
