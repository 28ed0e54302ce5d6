//! Where tensors live: finding CUDA at start, naming devices.

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::path::PathBuf;
use tch::{Cuda, Device};
use valor_base::input_error;

const CUDA_LIBRARY: &str = "libtorch_cuda.so";

/// Opens libtorch's CUDA half if it can be found, beside the CPU half or on the library path.
///
/// The binary links the CPU half only. CUDA registers itself when its library is opened, but only before the
/// first call into libtorch, which caches what it found: call this first in `main`. Returns why CUDA is
/// absent, if it is.
pub fn open_cuda() -> Result<(), String> {
    let beside = libtorch_folder().map(|folder| folder.join(CUDA_LIBRARY)).filter(|path| path.exists());
    let path = beside.unwrap_or_else(|| PathBuf::from(CUDA_LIBRARY));
    // SAFETY: opening the library runs its registration code, which is what it is opened for; it stays open.
    match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// The folder of the libtorch that this process runs with.
pub fn libtorch_folder() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let line = maps.lines().find(|line| line.ends_with("/libtorch_cpu.so"))?;
    PathBuf::from(&line[line.find('/')?..]).parent().map(PathBuf::from)
}

/// The version of the libtorch that this process runs with, as its folder says, else the one it was built with.
pub fn libtorch_version() -> String {
    let beside = libtorch_folder().and_then(|folder| {
        let root = folder.parent()?;
        let read = |name: &str| std::fs::read_to_string(root.join(name)).ok();
        let python = || {
            let text = read("version.py")?;
            let line = text.lines().find(|line| line.starts_with("__version__"))?;
            Some(line.split('\'').nth(1)?.to_string())
        };
        read("build-version").map(|text| text.trim().to_string()).or_else(python)
    });
    beside.unwrap_or_else(|| format!("{} (built with)", env!("VALOR_LIBTORCH")))
}

/// The device called `auto`, `cpu`, `cuda` or `cuda:1`.
///
/// # Errors
///
/// An input error for an unknown name, or for CUDA where there is none.
pub fn resolve(name: &str) -> anyhow::Result<Device> {
    let index = match name {
        "auto" => return Ok(Device::cuda_if_available()),
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let index: usize = index
        .ok_or_else(|| input_error!("--device {name}: allowed are auto, cpu, cuda, cuda:0, cuda:1, ..."))?;
    let count = cuda_devices();
    if index < count {
        return Ok(Device::Cuda(index));
    }
    Err(input_error!("--device {name}: found {count} CUDA devices; `valor doctor` says what is missing"))
}

/// Number of usable CUDA devices.
pub fn cuda_devices() -> usize {
    if Cuda::is_available() { Cuda::device_count().max(0) as usize } else { 0 }
}

/// `cpu` or `cuda:0`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_string(),
    }
}

/// Waits until the device has done what it was asked, so that a clock read means something.
pub fn synchronise(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

/// Threads inside operations on the CPU. One: workers, not operations, run in parallel, which is faster and
/// keeps every sum in one order.
pub const THREADS: usize = 1;

/// Bytes of one piece, and of free memory at the end, from which on memory goes back to the system.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MOST_KEPT: i32 = 1 << 30;

/// Cores of this machine that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Fixes the number of threads of this process, and lets it keep memory that it has freed: a step asks for the same again, and
/// pages that went back to the system are cleared and mapped anew.
pub fn fix_threads() {
    tch::set_num_threads(THREADS as i32);
    keep_memory();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_memory() {
    for option in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: it only sets what the allocator of the C library goes by.
        unsafe { libc::mallopt(option, MOST_KEPT) };
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn keep_memory() {}
