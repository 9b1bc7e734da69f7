//! How the program is linked.

#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // What an address-independent program has to mend in itself as it starts is packed: two megabytes
    // less of program, and of memory, since all of it is read. Only with musl, which is linked in and
    // knows how; of other systems' libraries that is not sure (glibc does from 2.36).
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "musl") {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
