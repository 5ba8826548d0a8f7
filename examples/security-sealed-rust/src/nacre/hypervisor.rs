//! <nacre/plugin/hypervisor.h>, which says what each thing means.

use std::os::raw::c_void;
use super::error::*;
use super::host_api::*;

pub const NACRE_HYPERVISOR_VERSION: u32 = 1;
pub const NACRE_HV_SHARE_FOLDERS: u64 = 1 << 0;
pub const NACRE_HV_VHOST_USER_FS: u64 = 1 << 1;
pub const NACRE_HV_MULTI_QUEUE: u64 = 1 << 2;
pub const NACRE_HV_RESIZE_VCPUS: u64 = 1 << 3;
pub const NACRE_HV_RESIZE_MEMORY: u64 = 1 << 4;
pub const NACRE_HV_PAUSE: u64 = 1 << 5;
pub const NACRE_HV_SAVE: u64 = 1 << 6;
pub const NACRE_HV_INITRD: u64 = 1 << 7;
pub const NACRE_HV_IMAGE: u64 = 1 << 8;
pub const NACRE_HV_RATE_LIMIT_NET: u64 = 1 << 9;
pub const NACRE_HV_RATE_LIMIT_DISK: u64 = 1 << 10;
pub const NACRE_HV_NO_GUEST: u64 = 1 << 11;
pub const NACRE_DEVICE_SHARE: u32 = 1;
pub const NACRE_DEVICE_VHOST_USER_FS: u32 = 2;
pub const NACRE_DEVICE_BLOCK: u32 = 3;
pub const NACRE_DEVICE_NET: u32 = 4;
pub const NACRE_DEVICE_VFIO: u32 = 5;
pub const NACRE_DEVICE_PMEM: u32 = 6;
pub const NACRE_DEVICE_VSOCK: u32 = 7;
pub const NACRE_DEVICE_KIND_LIMIT: u32 = 32;
pub const NACRE_DEV_COLD_ADD: u64 = 1 << 0;
pub const NACRE_DEV_HOT_ADD: u64 = 1 << 1;
pub const NACRE_DEV_HOT_REMOVE: u64 = 1 << 2;
pub const NACRE_DEV_SURVIVES_SAVE: u64 = 1 << 3;
pub const NACRE_DEV_REBIND: u64 = 1 << 4;
pub const NACRE_DEV_GROW: u64 = 1 << 5;
pub const NACRE_END_NONE: u32 = 0;
pub const NACRE_END_FDS: u32 = 1;
pub const NACRE_END_PATH: u32 = 2;
pub const NACRE_END_SOCKET: u32 = 3;
pub const NACRE_END_STREAM: u32 = 4;
pub const NACRE_END_PCI: u32 = 5;
pub const NACRE_RAM_ANONYMOUS: u32 = 0;
pub const NACRE_RAM_SHARED_MEMFD: u32 = 1;
pub const NACRE_RAM_FILE_SHARED: u32 = 2;
pub const NACRE_RAM_FILE_PRIVATE: u32 = 3;
pub const NACRE_START_COLD: u32 = 0;
pub const NACRE_START_SNAPSHOT: u32 = 1;
pub const NACRE_START_INCOMING: u32 = 2;
pub const NACRE_SAVE_SNAPSHOT: u32 = 0;
pub const NACRE_SAVE_TEMPLATE: u32 = 1;
pub const NACRE_SAVE_OUTGOING: u32 = 2;
pub const NACRE_CHANNEL_FD: u32 = 1;
pub const NACRE_CHANNEL_VSOCK: u32 = 2;
pub const NACRE_CHANNEL_HYBRID_VSOCK: u32 = 3;

#[repr(C)]
pub struct nacre_vm {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_guest_device {
    pub struct_size: u32,
    pub kind: u32,
    pub id: *const u8,
    pub id_len: u64,
    pub address: *const u8,
    pub address_len: u64,
    pub tag: *const u8,
    pub tag_len: u64,
    pub options: *const u8,
    pub options_len: u64,
    pub mac: [u8; 8],
    pub read_only: u32,
    pub mtu: u32,
    pub queues: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_host_end {
    pub struct_size: u32,
    pub kind: u32,
    pub path: *const u8,
    pub path_len: u64,
    pub first_fd: u32,
    pub fd_count: u32,
    pub first_vhost_fd: u32,
    pub vhost_fd_count: u32,
    pub ifname: *const u8,
    pub ifname_len: u64,
}

#[repr(C)]
pub struct nacre_vm_description {
    pub struct_size: u32,
    pub ram_backing: u32,
    pub id: *const u8,
    pub id_len: u64,
    pub memory_bytes: u64,
    pub memory_max_bytes: u64,
    pub vcpus: u32,
    pub vcpus_max: u32,
    pub ram_path: *const u8,
    pub ram_path_len: u64,
    pub kernel: *const u8,
    pub kernel_len: u64,
    pub initrd: *const u8,
    pub initrd_len: u64,
    pub image: *const u8,
    pub image_len: u64,
    pub kernel_params: *const u8,
    pub kernel_params_len: u64,
    pub devices: *const *const nacre_guest_device,
    pub host_ends: *const *const nacre_host_end,
    pub device_count: u32,
    pub console_fd: i32,
    pub debug: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_vm_source {
    pub struct_size: u32,
    pub kind: u32,
    pub path: *const u8,
    pub path_len: u64,
    pub fd: i32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_vm_sink {
    pub struct_size: u32,
    pub mode: u32,
    pub path: *const u8,
    pub path_len: u64,
    pub fd: i32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_agent_channel {
    pub struct_size: u32,
    pub kind: u32,
    pub cid: u64,
    pub port: u32,
    pub reserved: u32,
    pub path: *const u8,
    pub path_len: u64,
    pub kernel_params: *const u8,
    pub kernel_params_len: u64,
}

#[repr(C)]
pub struct nacre_vm_processes {
    pub struct_size: u32,
    pub count: u32,
    pub pids: *const i32,
    pub vcpu_tids: *const i32,
    pub vcpu_count: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_vm_size {
    pub struct_size: u32,
    pub vcpus: u32,
    pub memory_bytes: u64,
}

#[repr(C)]
pub struct nacre_device_list {
    pub struct_size: u32,
    pub count: u32,
    pub devices: *const *const nacre_guest_device,
}

#[repr(C)]
pub struct nacre_hypervisor_ops {
    pub struct_size: u32,
    pub reserved: u32,
    pub probe: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut nacre_probe_report, error: *mut nacre_error) -> i32>,
    pub create: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut *mut nacre_vm, error: *mut nacre_error) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(vm: *mut nacre_vm)>,
    pub device_capabilities: Option<unsafe extern "C" fn(vm: *mut nacre_vm, kind: u32, ret: *mut u64, error: *mut nacre_error) -> i32>,
    pub channel: Option<unsafe extern "C" fn(vm: *mut nacre_vm, ret: *mut nacre_agent_channel, error: *mut nacre_error) -> i32>,
    pub start: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, description: *const nacre_vm_description, source: *const nacre_vm_source, fds: *const nacre_fds, error: *mut nacre_error) -> i32>,
    pub connect: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, ret: *mut nacre_agent_channel, fds_out: *mut nacre_fds_out, error: *mut nacre_error) -> i32>,
    pub stop: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, graceful: u32, error: *mut nacre_error) -> i32>,
    pub pause: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, error: *mut nacre_error) -> i32>,
    pub resume: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, error: *mut nacre_error) -> i32>,
    pub add_device: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, device: *const nacre_guest_device, host_end: *const nacre_host_end, fds: *const nacre_fds, ret: *mut nacre_guest_device, error: *mut nacre_error) -> i32>,
    pub remove_device: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, id: *const u8, id_len: u64, ret_operation: *mut u64, error: *mut nacre_error) -> i32>,
    pub rebind_device: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, id: *const u8, id_len: u64, host_end: *const nacre_host_end, fds: *const nacre_fds, error: *mut nacre_error) -> i32>,
    pub describe: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, ret: *mut nacre_device_list, error: *mut nacre_error) -> i32>,
    pub resize: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, size: *const nacre_vm_size, ret_operation: *mut u64, error: *mut nacre_error) -> i32>,
    pub save: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, sink: *const nacre_vm_sink, fds: *const nacre_fds, ret_operation: *mut u64, error: *mut nacre_error) -> i32>,
    pub processes: Option<unsafe extern "C" fn(vm: *mut nacre_vm, ret: *mut nacre_vm_processes, error: *mut nacre_error) -> i32>,
    pub events_fd: Option<unsafe extern "C" fn(vm: *mut nacre_vm) -> i32>,
    pub undo: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, record: *const c_void, length: u64, error: *mut nacre_error) -> i32>,
    pub grow_device: Option<unsafe extern "C" fn(vm: *mut nacre_vm, call: *const nacre_call, id: *const u8, id_len: u64, bytes: u64, error: *mut nacre_error) -> i32>,
}
