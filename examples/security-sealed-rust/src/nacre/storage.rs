//! <nacre/plugin/storage.h>, which says what each thing means.

use std::os::raw::c_void;
use super::error::*;
use super::host_api::*;
use super::hypervisor::*;

pub const NACRE_STORAGE_VERSION: u32 = 1;
pub const NACRE_ST_SHARES_FOLDERS: u64 = 1 << 0;
pub const NACRE_ST_BLOCK: u64 = 1 << 1;
pub const NACRE_ST_SHARED_RAM: u64 = 1 << 2;
pub const NACRE_ST_SURVIVES_SAVE: u64 = 1 << 3;
pub const NACRE_SOURCE_FOLDER: u32 = 1;
pub const NACRE_SOURCE_FILE: u32 = 2;
pub const NACRE_SOURCE_BLOCK: u32 = 3;
pub const NACRE_SOURCE_CHAR: u32 = 4;
pub const NACRE_SOURCE_SOCKET: u32 = 5;
pub const NACRE_SOURCE_FIFO: u32 = 6;
pub const NACRE_SOURCE_SPACE: u32 = 7;
pub const NACRE_ATTACH_SHARED: u32 = 1;
pub const NACRE_ATTACH_DEVICE: u32 = 2;
pub const NACRE_ATTACH_GUEST: u32 = 3;
pub const NACRE_ATTACH_COPY: u32 = 4;
pub const NACRE_COPY_BYTES_MAX: u32 = 524288;

#[repr(C)]
pub struct nacre_store {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_attachment {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_guest_mount {
    pub struct_size: u32,
    pub option_count: u32,
    pub driver: *const u8,
    pub driver_len: u64,
    pub source: *const u8,
    pub source_len: u64,
    pub fstype: *const u8,
    pub fstype_len: u64,
    pub mount_point: *const u8,
    pub mount_point_len: u64,
    pub options: *const *const u8,
}

#[repr(C)]
pub struct nacre_storage_plan {
    pub struct_size: u32,
    pub device_count: u32,
    pub devices: *const *const nacre_guest_device,
    pub host_ends: *const *const nacre_host_end,
    pub mount_count: u32,
    pub reserved: u32,
    pub mounts: *const *const nacre_guest_mount,
}

#[repr(C)]
pub struct nacre_storage_pod {
    pub struct_size: u32,
    pub reserved: u32,
    pub sandbox_id: *const u8,
    pub sandbox_id_len: u64,
    pub share: *const u8,
    pub share_len: u64,
    pub guest_share: *const u8,
    pub guest_share_len: u64,
}

#[repr(C)]
pub struct nacre_mount_request {
    pub struct_size: u32,
    pub is_rootfs: u32,
    pub container_id: *const u8,
    pub container_id_len: u64,
    pub source: *const u8,
    pub source_len: u64,
    pub destination: *const u8,
    pub destination_len: u64,
    pub fstype: *const u8,
    pub fstype_len: u64,
    pub options: *const *const u8,
    pub option_count: u32,
    pub source_kind: u32,
    pub read_only: u32,
    pub device_major: u32,
    pub device_minor: u32,
    pub reserved: u32,
    pub last_resort: u32,
    pub reserved2: u32,
}

#[repr(C)]
pub struct nacre_attach_result {
    pub struct_size: u32,
    pub how: u32,
    pub device: *const nacre_guest_device,
    pub host_end: *const nacre_host_end,
    pub mount: *const nacre_guest_mount,
    pub device_count: u32,
    pub mount_count: u32,
    pub devices: *const *const nacre_guest_device,
    pub host_ends: *const *const nacre_host_end,
    pub mounts: *const *const nacre_guest_mount,
}

#[repr(C)]
pub struct nacre_storage_ops {
    pub struct_size: u32,
    pub reserved: u32,
    pub probe: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut nacre_probe_report, error: *mut nacre_error) -> i32>,
    pub create: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut *mut nacre_store, error: *mut nacre_error) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(store: *mut nacre_store)>,
    pub needs: Option<unsafe extern "C" fn(store: *mut nacre_store, ret_cold_kinds: *mut u64, ret_hot_kinds: *mut u64, error: *mut nacre_error) -> i32>,
    pub claim: Option<unsafe extern "C" fn(store: *mut nacre_store, request: *const nacre_mount_request, ret: *mut u32, reason: *mut u8, reason_capacity: u64, error: *mut nacre_error) -> i32>,
    pub prepare: Option<unsafe extern "C" fn(store: *mut nacre_store, call: *const nacre_call, pod: *const nacre_storage_pod, ret: *mut nacre_storage_plan, fds_out: *mut nacre_fds_out, error: *mut nacre_error) -> i32>,
    pub attach: Option<unsafe extern "C" fn(store: *mut nacre_store, call: *const nacre_call, request: *const nacre_mount_request, ret: *mut *mut nacre_attachment, ret_result: *mut nacre_attach_result, fds_out: *mut nacre_fds_out, error: *mut nacre_error) -> i32>,
    pub detach: Option<unsafe extern "C" fn(attachment: *mut nacre_attachment, call: *const nacre_call, error: *mut nacre_error) -> i32>,
    pub release: Option<unsafe extern "C" fn(store: *mut nacre_store, call: *const nacre_call, error: *mut nacre_error) -> i32>,
    pub undo: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, record: *const c_void, length: u64, error: *mut nacre_error) -> i32>,
}
