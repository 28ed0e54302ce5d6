//! Values of tensors as slices, for loops on the CPU.

use tch::{Device, Kind, Tensor};

/// The values of a contiguous `f32` tensor on the CPU, in order.
pub(crate) fn values(tensor: &Tensor) -> &[f32] {
    check(tensor);
    if tensor.numel() == 0 {
        return &[];
    }
    // SAFETY: checked above, and not empty; the memory lives as long as the tensor. Nothing writes to a tensor that it shares with another while
    // slices of it are read: writing takes `values_mut`.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// The same, to be written to. Nobody else uses these values meanwhile, through this tensor or another that shares them.
pub(crate) fn values_mut(tensor: &mut Tensor) -> &mut [f32] {
    check(tensor);
    if tensor.numel() == 0 {
        return &mut [];
    }
    // SAFETY: as above; nobody else uses the values, as this function asks of its caller.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

fn check(tensor: &Tensor) {
    assert!(
        tensor.is_contiguous() && tensor.kind() == Kind::Float && tensor.device() == Device::Cpu,
        "a contiguous f32 tensor on the CPU"
    );
}
