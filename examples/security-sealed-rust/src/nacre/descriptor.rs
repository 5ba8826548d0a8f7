//! <nacre/plugin/descriptor.h>, which says what each thing means.

use std::os::raw::c_void;

pub const NACRE_PLUGIN_MAGIC: &str = "NACREPLG";
pub const NACRE_ABI_MAJOR: u32 = 1;
pub const NACRE_ABI_MINOR: u32 = 0;
pub const NACRE_KIND_HYPERVISOR: u32 = 1;
pub const NACRE_KIND_NETWORK: u32 = 2;
pub const NACRE_KIND_STORAGE: u32 = 3;
pub const NACRE_KIND_SECURITY: u32 = 4;
pub const NACRE_PLUGIN_SYMBOL_NAME: &str = "nacre_plugin_v1";
pub const NACRE_NOTE_OWNER: &str = "Nacre";
pub const NACRE_NOTE_TYPE: u32 = 1;

#[repr(C)]
pub struct nacre_plugin_descriptor {
    pub magic: [u8; 8],
    pub struct_size: u32,
    pub abi_major: u32,
    pub abi_minor: u32,
    pub min_host_minor: u32,
    pub kind: u32,
    pub kind_version: u32,
    pub capabilities: u64,
    pub name: [u8; 32],
    pub version: [u8; 32],
    pub licence: [u8; 32],
    pub build: [u8; 64],
    pub options: *const u8,
    pub options_len: u64,
    pub ops: *const c_void,
    pub reserved: [*const c_void; 8],
}
