//! Lets the binary find libtorch without environment variables: an rpath to the libtorch it was built with,
//! and one relative to the binary, so that a checkout can be moved.

fn main() {
    println!("cargo:rerun-if-env-changed=LIBTORCH");
    if let Ok(libtorch) = std::env::var("LIBTORCH") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{libtorch}/lib");
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../../libtorch/torch/lib");
}
