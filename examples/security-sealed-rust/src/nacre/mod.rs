//! Nacre's plugin boundary for Rust: the C headers `<nacre/plugin/*.h>` by hand, one module a header, and in
//! `plugin` and `options` what every plugin needs on top of them. No crate is used. Copy the folder into a plugin
//! of your own.
#![allow(non_camel_case_types, non_upper_case_globals, dead_code, unused_imports)]

mod descriptor;
mod error;
mod host_api;
mod hypervisor;
mod network;
mod options;
mod plugin;
mod security;
mod storage;

pub use descriptor::*;
pub use error::*;
pub use host_api::*;
pub use hypervisor::*;
pub use network::*;
pub use options::*;
pub use plugin::*;
pub use security::*;
pub use storage::*;
