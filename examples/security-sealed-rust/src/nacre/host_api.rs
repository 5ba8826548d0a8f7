//! <nacre/plugin/host_api.h>, which says what each thing means.

use std::os::raw::c_void;
use super::error::*;

pub const NACRE_FD_BORROWED: u32 = 0;
pub const NACRE_FD_MOVED: u32 = 1;
pub const NACRE_PROBE_OK: u32 = 0;
pub const NACRE_PROBE_SKIP: u32 = 1;
pub const NACRE_PROBE_ERROR: u32 = 2;
pub const NACRE_LOG_DEBUG: u32 = 1;
pub const NACRE_LOG_INFO: u32 = 2;
pub const NACRE_LOG_WARNING: u32 = 3;
pub const NACRE_LOG_ERROR: u32 = 4;
pub const NACRE_EVENT_VM_EXITED: u32 = 1;
pub const NACRE_EVENT_GUEST_PANIC: u32 = 2;
pub const NACRE_EVENT_DEVICE_REMOVED: u32 = 3;
pub const NACRE_EVENT_SIZE_CHANGED: u32 = 4;
pub const NACRE_EVENT_IO_ERROR: u32 = 5;
pub const NACRE_EVENT_PROGRESS: u32 = 6;
pub const NACRE_EVENT_OPERATION_DONE: u32 = 7;
pub const NACRE_EVENT_GUEST_RESET: u32 = 8;

#[repr(C)]
pub struct nacre_call {
    pub struct_size: u32,
    pub cancel_fd: i32,
    pub deadline_ns: u64,
}

#[repr(C)]
pub struct nacre_fds {
    pub struct_size: u32,
    pub count: u32,
    pub fds: *const i32,
    pub ownership: *const u32,
}

#[repr(C)]
pub struct nacre_fds_out {
    pub struct_size: u32,
    pub capacity: u32,
    pub fds: *mut i32,
    pub count: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_probe_report {
    pub struct_size: u32,
    pub status: u32,
    pub reason: [u8; 488],
}

#[repr(C)]
pub struct nacre_spawn_mount {
    pub struct_size: u32,
    pub fd: i32,
    pub target: *const u8,
    pub target_len: u64,
    pub fstype: *const u8,
    pub fstype_len: u64,
    pub data: *const u8,
    pub data_len: u64,
}

#[repr(C)]
pub struct nacre_spawn {
    pub struct_size: u32,
    pub flags: u32,
    pub role: *const u8,
    pub role_len: u64,
    pub argv: *const *const u8,
    pub env: *const *const u8,
    pub argv_count: u32,
    pub env_count: u32,
    pub target_fds: *const u32,
    pub netns_fd: i32,
    pub in_pod_mounts: u32,
    pub mounts: *const *const nacre_spawn_mount,
    pub mount_count: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_process {
    pub struct_size: u32,
    pub pid: i32,
    pub pidfd: i32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_host {
    pub struct_size: u32,
    pub abi_minor: u32,
    pub context: *mut c_void,
    pub log: Option<unsafe extern "C" fn(context: *mut c_void, level: u32, text: *const u8, length: u64)>,
    pub spawn: Option<unsafe extern "C" fn(context: *mut c_void, call: *const nacre_call, plan: *const nacre_spawn, fds: *const nacre_fds, ret: *mut nacre_process, error: *mut nacre_error) -> i32>,
    pub signal_process: Option<unsafe extern "C" fn(context: *mut c_void, pid: i32, signal: i32, error: *mut nacre_error) -> i32>,
    pub netns_socket: Option<unsafe extern "C" fn(context: *mut c_void, netns_fd: i32, domain: i32, r#type: i32, protocol: i32, ret: *mut i32, error: *mut nacre_error) -> i32>,
    pub tap_open: Option<unsafe extern "C" fn(context: *mut c_void, netns_fd: i32, name: *const u8, flags: u32, queues: u32, ret: *mut i32, error: *mut nacre_error) -> i32>,
    pub pod_folder: Option<unsafe extern "C" fn(context: *mut c_void, ret_folder_fd: *mut i32, ret_path: *mut u8, path_capacity: u64, error: *mut nacre_error) -> i32>,
    pub journal_add: Option<unsafe extern "C" fn(context: *mut c_void, record: *const c_void, length: u64, ret_id: *mut u64, error: *mut nacre_error) -> i32>,
    pub journal_done: Option<unsafe extern "C" fn(context: *mut c_void, id: u64, error: *mut nacre_error) -> i32>,
    pub metric: Option<unsafe extern "C" fn(context: *mut c_void, name: *const u8, value: f64)>,
    pub run: Option<unsafe extern "C" fn(context: *mut c_void, call: *const nacre_call, plan: *const nacre_spawn, fds: *const nacre_fds, ret_status: *mut i32, ret_words: *mut u8, words_capacity: u64, error: *mut nacre_error) -> i32>,
}

#[repr(C)]
pub struct nacre_event {
    pub struct_size: u32,
    pub kind: u32,
    pub operation: u64,
    pub value: u64,
    pub text_len: u32,
    pub device_len: u32,
}
