//! <nacre/plugin/network.h>, which says what each thing means.

use std::os::raw::c_void;
use super::error::*;
use super::host_api::*;
use super::hypervisor::*;

pub const NACRE_NETWORK_VERSION: u32 = 1;
pub const NACRE_NET_MULTI_QUEUE: u64 = 1 << 0;
pub const NACRE_NET_RATE_LIMIT: u64 = 1 << 1;
pub const NACRE_NET_LATE_BIND: u64 = 1 << 2;
pub const NACRE_NET_NO_LINKS: u64 = 1 << 3;
pub const NACRE_NET_WHOLE_NAMESPACE: u64 = 1 << 4;

#[repr(C)]
pub struct nacre_net {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_endpoint {
    _opaque: [u8; 0],
}

#[repr(C)]
pub struct nacre_address {
    pub struct_size: u32,
    pub family: u32,
    pub address: [u8; 16],
    pub prefix_length: u32,
    pub scope: u32,
    pub flags: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_route {
    pub struct_size: u32,
    pub family: u32,
    pub destination: [u8; 16],
    pub gateway: [u8; 16],
    pub source: [u8; 16],
    pub destination_length: u32,
    pub has_gateway: u32,
    pub has_source: u32,
    pub metric: u32,
    pub scope: u32,
    pub r#type: u32,
    pub protocol: u32,
    pub flags: u32,
}

#[repr(C)]
pub struct nacre_link {
    pub struct_size: u32,
    pub index: u32,
    pub name: *const u8,
    pub name_len: u64,
    pub kind: *const u8,
    pub kind_len: u64,
    pub pci_address: *const u8,
    pub pci_address_len: u64,
    pub mac: [u8; 8],
    pub mtu: u32,
    pub flags: u32,
    pub hardware_type: u32,
    pub address_count: u32,
    pub route_count: u32,
    pub reserved: u32,
    pub addresses: *const *const nacre_address,
    pub routes: *const *const nacre_route,
}

#[repr(C)]
pub struct nacre_endpoint_request {
    pub struct_size: u32,
    pub netns_fd: i32,
    pub id: *const u8,
    pub id_len: u64,
    pub index: u32,
    pub queues: u32,
    pub mac: [u8; 8],
    pub mtu: u32,
    pub vhost: u32,
    pub link_index: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct nacre_endpoint_result {
    pub struct_size: u32,
    pub reserved: u32,
    pub device: *const nacre_guest_device,
    pub host_end: *const nacre_host_end,
}

#[repr(C)]
pub struct nacre_bind_result {
    pub struct_size: u32,
    pub own_addresses: u32,
    pub mac: [u8; 8],
    pub mtu: u32,
    pub address_count: u32,
    pub route_count: u32,
    pub reserved: u32,
    pub addresses: *const *const nacre_address,
    pub routes: *const *const nacre_route,
}

#[repr(C)]
pub struct nacre_endpoint_stats {
    pub struct_size: u32,
    pub reserved: u32,
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

#[repr(C)]
pub struct nacre_network_ops {
    pub struct_size: u32,
    pub reserved: u32,
    pub probe: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut nacre_probe_report, error: *mut nacre_error) -> i32>,
    pub create: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, options: *const u8, options_len: u64, ret: *mut *mut nacre_net, error: *mut nacre_error) -> i32>,
    pub destroy: Option<unsafe extern "C" fn(net: *mut nacre_net)>,
    pub needs: Option<unsafe extern "C" fn(net: *mut nacre_net, ret_cold_kinds: *mut u64, ret_hot_kinds: *mut u64, error: *mut nacre_error) -> i32>,
    pub claim: Option<unsafe extern "C" fn(net: *mut nacre_net, link: *const nacre_link, ret: *mut u32, error: *mut nacre_error) -> i32>,
    pub open_endpoint: Option<unsafe extern "C" fn(net: *mut nacre_net, call: *const nacre_call, request: *const nacre_endpoint_request, ret: *mut *mut nacre_endpoint, ret_device: *mut nacre_endpoint_result, fds_out: *mut nacre_fds_out, error: *mut nacre_error) -> i32>,
    pub bind: Option<unsafe extern "C" fn(endpoint: *mut nacre_endpoint, call: *const nacre_call, link: *const nacre_link, netns_fd: i32, ret: *mut nacre_bind_result, error: *mut nacre_error) -> i32>,
    pub unbind: Option<unsafe extern "C" fn(endpoint: *mut nacre_endpoint, call: *const nacre_call, error: *mut nacre_error) -> i32>,
    pub close_endpoint: Option<unsafe extern "C" fn(endpoint: *mut nacre_endpoint)>,
    pub stats: Option<unsafe extern "C" fn(endpoint: *mut nacre_endpoint, ret: *mut nacre_endpoint_stats, error: *mut nacre_error) -> i32>,
    pub undo: Option<unsafe extern "C" fn(host: *const nacre_host, call: *const nacre_call, record: *const c_void, length: u64, error: *mut nacre_error) -> i32>,
}
