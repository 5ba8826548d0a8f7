//! Security `sealed`: nobody gets into a running container. `nacre exec`, `docker exec` and exec probes of
//! Kubernetes are refused, so what runs in production is what was deployed; `exec = true` opens it again.
//!
//! A plugin in Rust: the C tables, filled by hand. `src/nacre` is the boundary in Rust; this file is the plugin.

mod nacre;
use nacre::*;

const OPTIONS: &str = r#"[
{"key": "exec", "type": "boolean", "default": false, "help": "let processes into the container all the same"}
]"#;

/// What is behind the opaque `nacre_guard`: one a pod.
struct Sealed {
    host: *const nacre_host, // alive until destroy() has returned
    exec: bool,
}

/// Can this host run it? No side effects.
unsafe extern "C" fn probe(
    _host: *const nacre_host, _call: *const nacre_call, _options: *const u8, _options_len: u64,
    ret: *mut nacre_probe_report, error: *mut nacre_error,
) -> i32 {
    guard(error, || {
        (*ret).status = NACRE_PROBE_OK;
        copy_text(&mut (*ret).reason, "it needs nothing of the host");
        Ok(())
    })
}

unsafe extern "C" fn create(
    host: *const nacre_host, _call: *const nacre_call, options: *const u8, options_len: u64,
    ret: *mut *mut nacre_guard, error: *mut nacre_error,
) -> i32 {
    guard(error, || {
        let options = Options::parse(&text_of(options, options_len))?;
        let sealed = Box::new(Sealed { host, exec: options.boolean("exec").unwrap_or(false) });
        *ret = Box::into_raw(sealed) as *mut nacre_guard;
        Ok(())
    })
}

unsafe extern "C" fn destroy(guard: *mut nacre_guard) {
    drop(Box::from_raw(guard as *mut Sealed));
}

/// A failure refuses the container's process or the exec; the sentence is what the user reads.
unsafe extern "C" fn guest_process(
    handle: *mut nacre_guard, _call: *const nacre_call, request: *const nacre_guest_request,
    _ret: *mut nacre_guest_rules, error: *mut nacre_error,
) -> i32 {
    guard(error, || {
        let sealed = &*(handle as *const Sealed);
        if (*request).is_exec == 0 || sealed.exec {
            return Ok(()); // `ret` is left as it is: nothing is changed
        }
        log(sealed.host, NACRE_LOG_WARNING, "an exec was refused");
        Err(failure(
            NACRE_E_PERMISSION,
            "the container is sealed: no process gets into it (exec = true in [security.sealed] allows it)",
        ))
    })
}

nacre_plugin! {
    kind: security, name: "sealed", version: "1.0", licence: "Apache-2.0", min_host_minor: 0,
    capabilities: , options: OPTIONS,
    ops: nacre_security_ops {
        struct_size: std::mem::size_of::<nacre_security_ops>() as u32,
        reserved: 0,
        probe: Some(probe),
        create: Some(create),
        destroy: Some(destroy),
        confine: None, // says nothing about processes of the host
        guest_process: Some(guest_process),
        undo: None, // it never changes the host
    },
}
