//! Lets the binary find libtorch without environment variables: an rpath to the libtorch it was built with,
//! and one relative to the binary, so that a checkout can be moved. Notes that libtorch's version.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    let libtorch = std::env::var("LIBTORCH").unwrap_or_default();
    if !libtorch.is_empty() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../../libtorch/torch/lib");
    println!("cargo:rustc-env=VALOR_LIBTORCH={}", version(Path::new(&libtorch)).unwrap_or_default());
}

/// `TORCH_VERSION` of the headers.
fn version(libtorch: &Path) -> Option<String> {
    let header = libtorch.join("include/torch/headeronly/version.h");
    let text = std::fs::read_to_string(header).ok()?;
    let line = text.lines().find(|line| line.starts_with("#define TORCH_VERSION \""))?;
    Some(line.split('"').nth(1)?.to_string())
}
