//! <nacre/plugin/security.h>, which says what each thing means.

use std::os::raw::c_void;
use super::error::*;
use super::host_api::*;

pub const NACRE_SECURITY_VERSION: u32 = 1;
pub const NACRE_SEC_HOST_SECCOMP: u64 = 1 << 0;
pub const NACRE_SEC_GUEST_SECCOMP: u64 = 1 << 1;
pub const NACRE_SEC_HOST_LABEL: u64 = 1 << 2;
pub const NACRE_SEC_GUEST_LABEL: u64 = 1 << 3;

#[repr(C)]
pub struct nacre_guard {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_process_request {
    pub struct_size: u32,
    pub reserved: u32,
    pub role: *const u8,
    pub role_len: u64,
    pub program: *const u8,
    pub program_len: u64,
    pub sandbox_id: *const u8,
    pub sandbox_id_len: u64,
    pub bundle_label: *const u8,
    pub bundle_label_len: u64,
    pub plugin: *const u8,
    pub plugin_len: u64,
}

#[repr(C)]
pub struct nacre_process_rules {
    pub struct_size: u32,
    pub no_new_privileges: u32,
    pub filter: *const c_void,
    pub filter_bytes: u64,
    pub filter_flags: u32,
    pub set_ids: u32,
    pub uid: u32,
    pub gid: u32,
    pub groups: *const u32,
    pub group_count: u32,
    pub limit_capabilities: u32,
    pub capabilities: *const *const u8,
    pub capability_count: u32,
    pub rlimit_count: u32,
    pub rlimits: *const *const u8,
    pub selinux_label: *const u8,
    pub selinux_label_len: u64,
    pub apparmor_profile: *const u8,
    pub apparmor_profile_len: u64,
}

#[repr(C)]
pub struct nacre_guest_request {
    pub struct_size: u32,
    pub is_exec: u32,
    pub process: *const u8,
    pub process_len: u64,
    pub linux_section: *const u8,
    pub linux_section_len: u64,
}

#[repr(C)]
pub struct nacre_guest_rules {
    pub struct_size: u32,
    pub reserved: u32,
    pub process: *const u8,
    pub process_len: u64,
    pub linux_section: *const u8,
    pub linux_section_len: u64,
}

#[repr(C)]
pub struct nacre_security_ops {
    pub struct_size: u32,
    pub reserved: u32,
    pub probe: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut nacre_probe_report, error: *mut nacre_error) -> i32>,
    pub create: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut *mut nacre_guard, error: *mut nacre_error) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(guard: *mut nacre_guard)>,
    pub confine: Option<unsafe extern "C" fn(guard: *mut nacre_guard, call: *const nacre_call, request: *const nacre_process_request, ret: *mut nacre_process_rules, error: *mut nacre_error) -> i32>,
    pub guest_process: Option<unsafe extern "C" fn(guard: *mut nacre_guard, call: *const nacre_call, request: *const nacre_guest_request, ret: *mut nacre_guest_rules, error: *mut nacre_error) -> i32>,
    pub undo: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, record: *const c_void, length: u64, error: *mut nacre_error) -> i32>,
}
