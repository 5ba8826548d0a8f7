//! What every plugin does alike: the exported descriptor with its note, errors, texts.

use super::*;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// Why an operation failed. `what` is one sentence without full stop: what failed, on which object in double
/// quotes, why, what to do.
pub struct Failure {
    pub code: i32, // NACRE_E_*
    pub what: String,
}

pub fn failure(code: i32, what: impl Into<String>) -> Failure {
    Failure { code, what: what.into() }
}

/// Runs an operation; neither its error nor a panic gets over the boundary.
///
/// # Safety
/// `error` is the host's, or null.
pub unsafe fn guard(error: *mut nacre_error, body: impl FnOnce() -> Result<(), Failure>) -> i32 {
    let failed = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(failed)) => failed,
        Err(_) => failure(NACRE_E_UNKNOWN, "the plugin's code panicked"),
    };
    if let Some(error) = error.as_mut() {
        error.code = failed.code;
        error.errno_value = 0;
        copy_text(&mut error.what, &failed.what);
    }
    -failed.code
}

/// Copies a text and a NUL; never cuts a character in two.
pub fn copy_text(to: &mut [u8], text: &str) {
    let mut length = text.len().min(to.len() - 1);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    to[..length].copy_from_slice(&text.as_bytes()[..length]);
    to[length] = 0;
}

/// A string field of the host's: `first` points at `length` bytes, or is null.
///
/// # Safety
/// Both come from the host, in this call.
pub unsafe fn text_of(first: *const u8, length: u64) -> String {
    if first.is_null() {
        return String::new();
    }
    String::from_utf8_lossy(std::slice::from_raw_parts(first, length as usize)).into_owned()
}

/// A line in the sandbox's log.
///
/// # Safety
/// `host` is what create() was given, and the handle still lives.
pub unsafe fn log(host: *const nacre_host, level: u32, text: &str) {
    if let Some(log) = (*host).log {
        log((*host).context, level, text.as_ptr(), text.len() as u64);
    }
}

/// A text as an array of the descriptor's, padded with NULs.
pub const fn padded<const N: usize>(text: &str) -> [u8; N] {
    let bytes = text.as_bytes();
    assert!(bytes.len() < N, "the text is too long");
    let mut array = [0; N];
    let mut i = 0;
    while i < bytes.len() {
        array[i] = bytes[i];
        i += 1;
    }
    array
}

/// Constant data with pointers in it, which Rust does not share between threads unless told so.
#[repr(transparent)]
pub struct Exported<T>(pub T);
unsafe impl<T> Sync for Exported<T> {}

/// Makes the library a plugin: the exported descriptor, and the ELF note with the same facts, which Nacre reads
/// before it loads the file. Once, in the root of the crate:
///
/// ```ignore
/// nacre_plugin! {
///     kind: security, name: "mine", version: "1.0", licence: "MIT", min_host_minor: 0,
///     capabilities: NACRE_SEC_HOST_LABEL | NACRE_SEC_GUEST_LABEL, options: "[]", ops: nacre_security_ops { ... }
/// }
/// ```
#[macro_export]
macro_rules! nacre_plugin {
    (@kind hypervisor) => { $crate::nacre::NACRE_KIND_HYPERVISOR };
    (@kind network) => { $crate::nacre::NACRE_KIND_NETWORK };
    (@kind storage) => { $crate::nacre::NACRE_KIND_STORAGE };
    (@kind security) => { $crate::nacre::NACRE_KIND_SECURITY };
    (@ops hypervisor) => { $crate::nacre::nacre_hypervisor_ops };
    (@ops network) => { $crate::nacre::nacre_network_ops };
    (@ops storage) => { $crate::nacre::nacre_storage_ops };
    (@ops security) => { $crate::nacre::nacre_security_ops };
    (kind: $kind:ident, name: $name:literal, version: $version:literal, licence: $licence:literal,
     min_host_minor: $minor:literal, capabilities: $($capability:ident)|*, options: $options:expr,
     ops: $ops:expr $(,)?) => {
        // The note is a text, so its numbers stand in it as text.
        const _: () = assert!(
            $crate::nacre::NACRE_ABI_MAJOR == 1
                && $crate::nacre::NACRE_ABI_MINOR == 0
                && $crate::nacre::NACRE_HYPERVISOR_VERSION == 1
                && $crate::nacre::NACRE_NETWORK_VERSION == 1
                && $crate::nacre::NACRE_STORAGE_VERSION == 1
                && $crate::nacre::NACRE_SECURITY_VERSION == 1
        );
        std::arch::global_asm!(concat!(
            ".pushsection .note.nacre.plugin,\"a\",%note\n",
            ".balign 4\n.long 2f-1f\n.long 4f-3f\n.long 1\n1: .asciz \"Nacre\"\n2: .balign 4\n3: .ascii \"{{",
            r#"\"magic\":\"NACREPLG\",\"abi_major\":1,\"abi_minor\":0,\"min_host_minor\":"#, $minor,
            r#",\"kind\":\""#, stringify!($kind), r#"\",\"kind_version\":1,\"name\":\""#, $name,
            r#"\",\"version\":\""#, $version, r#"\",\"licence\":\""#, $licence,
            r#"\",\"capabilities\":\"0"#, $("|", stringify!($capability),)* r#"\""#,
            "}}\"\n4: .balign 4\n.popsection\n"
        ));
        static OPS: $crate::nacre::Exported<$crate::nacre_plugin!(@ops $kind)> = $crate::nacre::Exported($ops);
        #[no_mangle]
        pub static nacre_plugin_v1: $crate::nacre::Exported<$crate::nacre::nacre_plugin_descriptor> =
            $crate::nacre::Exported($crate::nacre::nacre_plugin_descriptor {
                magic: *b"NACREPLG",
                struct_size: std::mem::size_of::<$crate::nacre::nacre_plugin_descriptor>() as u32,
                abi_major: $crate::nacre::NACRE_ABI_MAJOR,
                abi_minor: $crate::nacre::NACRE_ABI_MINOR,
                min_host_minor: $minor,
                kind: $crate::nacre_plugin!(@kind $kind),
                kind_version: 1,
                capabilities: 0 $(| $crate::nacre::$capability)*,
                name: $crate::nacre::padded($name),
                version: $crate::nacre::padded($version),
                licence: $crate::nacre::padded($licence),
                build: $crate::nacre::padded("rustc"),
                options: $options.as_ptr(),
                options_len: $options.len() as u64,
                ops: &OPS as *const _ as *const std::os::raw::c_void,
                reserved: [std::ptr::null(); 8],
            });
    };
}
