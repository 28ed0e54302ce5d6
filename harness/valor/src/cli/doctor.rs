//! `valor doctor`: what this program runs with, and what is missing.

use super::DONE;
use clap::Args;
use serde_json::json;
use valor_learn::learner::device;

/// How to print.
#[derive(Args)]
pub(super) struct Arguments {
    /// Prints one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints versions, devices, threads, and how to mend what is missing.
pub(super) fn run(arguments: &Arguments, cuda: Result<(), String>) -> anyhow::Result<u8> {
    let folder = device::libtorch_folder().map(|folder| folder.display().to_string()).unwrap_or_default();
    let cores = device::cores();
    let devices = device::cuda_devices();
    let driver = std::path::Path::new("/proc/driver/nvidia/version").exists();
    let advice = advice(driver, devices, &cuda);
    if arguments.json {
        println!(
            "{:#}",
            json!({
                "valor": env!("CARGO_PKG_VERSION"),
                "libtorch": { "version": device::libtorch_version(), "folder": folder },
                "cuda": { "driver": driver, "library": cuda.is_ok(), "devices": devices, "advice": advice },
                "cores": cores,
                "threads_per_worker": device::THREADS,
                "default_workers": super::run::default_workers(devices > 0),
            })
        );
        return Ok(DONE);
    }
    println!("valor      {}", env!("CARGO_PKG_VERSION"));
    println!("libtorch   {} in {folder}", device::libtorch_version());
    println!("cores      {cores}, {} thread(s) per worker", device::THREADS);
    println!("workers    {} by default", super::run::default_workers(devices > 0));
    println!("devices    cpu{}", (0..devices).map(|index| format!(", cuda:{index}")).collect::<String>());
    println!("cuda       {advice}");
    Ok(DONE)
}

fn advice(driver: bool, devices: usize, library: &Result<(), String>) -> String {
    match (driver, library, devices) {
        (_, Ok(()), 1..) => "ready".to_string(),
        (false, _, _) => "no NVIDIA driver on this machine: everything runs on the CPU".to_string(),
        (true, Err(error), _) => {
            format!("libtorch_cuda.so cannot be opened ({error}); mend it with: make setup CUDA=1")
        }
        (true, Ok(()), _) => "libtorch_cuda.so is open but no device answers; check: nvidia-smi".to_string(),
    }
}
