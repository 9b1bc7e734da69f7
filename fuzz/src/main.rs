//! One target as a program. With the feature `libfuzzer` it is libFuzzer's; without, it runs the
//! target once over each file named, to look at what was found.
//!
//!     KUMA_FUZZ_TARGET=documents kuma-fuzz [FILE …]

#![cfg_attr(feature = "libfuzzer", no_main)]

use std::sync::LazyLock;

use kuma_fuzz::Target;

#[expect(clippy::disallowed_methods, reason = "libFuzzer owns the command line")]
#[expect(clippy::panic, reason = "there is nobody to return an error to")]
static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("KUMA_FUZZ_TARGET").unwrap_or_default();
    kuma_fuzz::target(&name).unwrap_or_else(|| {
        let known: Vec<_> = kuma_fuzz::TARGETS.iter().map(|target| target.name).collect();
        panic!("KUMA_FUZZ_TARGET is `{name}`; it must be one of {}", known.join(", "))
    })
});

#[cfg(feature = "libfuzzer")]
libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));

#[cfg(not(feature = "libfuzzer"))]
fn main() -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        (TARGET.run)(&std::fs::read(path)?);
    }
    Ok(())
}
