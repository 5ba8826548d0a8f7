//! <nacre/plugin/error.h>, which says what each thing means.

pub const NACRE_E_UNKNOWN: i32 = 2;
pub const NACRE_E_INVALID_ARGUMENT: i32 = 3;
pub const NACRE_E_DEADLINE: i32 = 4;
pub const NACRE_E_NOT_FOUND: i32 = 5;
pub const NACRE_E_ALREADY_EXISTS: i32 = 6;
pub const NACRE_E_PERMISSION: i32 = 7;
pub const NACRE_E_EXHAUSTED: i32 = 8;
pub const NACRE_E_PRECONDITION: i32 = 9;
pub const NACRE_E_CANCELLED: i32 = 10;
pub const NACRE_E_UNSUPPORTED: i32 = 12;
pub const NACRE_E_INTERNAL: i32 = 13;
pub const NACRE_E_UNAVAILABLE: i32 = 14;

#[repr(C)]
pub struct nacre_error {
    pub struct_size: u32,
    pub code: i32,
    pub errno_value: i32,
    pub reserved: u32,
    pub what: [u8; 488],
}
