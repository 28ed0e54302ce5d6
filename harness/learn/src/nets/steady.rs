//! Nonlinear functions whose value at a row does not depend on where the row stands in a tensor.
//!
//! libtorch's `elu`, `sigmoid`, `softplus` and `pow` compute the last few values of a tensor by other code than the
//! rest, and the two round differently: a replicate would notice its neighbours. `log_sigmoid`, `exp` and `expm1` do
//! not, and the functions here are made of them.

use tch::Tensor;

/// Values that libtorch's loops take at a time (two AVX-512 registers): what is left over goes the other way.
const STRIDE: i64 = 32;
const GELU_CUBIC: f64 = 0.044_715;
/// `2 sqrt(2 / pi)`
const GELU_SCALE: f64 = 1.595_769_121_605_730_7;

/// `1 / (1 + exp(-x))`
pub fn sigmoid(x: &Tensor) -> Tensor {
    x.log_sigmoid().exp()
}

/// `sigmoid` of `[S, ...]` in one pass where no value is left over; `x` may be overwritten.
pub fn sigmoid_in_place(mut x: Tensor, replicates: i64) -> Tensor {
    if (x.numel() as i64 / replicates) % STRIDE == 0 {
        return x.sigmoid_();
    }
    sigmoid(&x)
}

/// `log(1 + exp(x))`
pub fn softplus(x: &Tensor) -> Tensor {
    -(-x).log_sigmoid()
}

/// `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`
pub fn tanh(x: &Tensor) -> Tensor {
    sigmoid(&(x * 2.0)) * 2.0 - 1.0
}

/// `x sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))`: the Gaussian error linear unit in its usual approximation.
pub fn gelu(x: &Tensor) -> Tensor {
    let cubic = x * x * x * GELU_CUBIC + x;
    x * sigmoid(&(cubic * GELU_SCALE))
}

/// `x` above 0, `exp(x) - 1` below, of `[S, ...]`; `x` may be overwritten.
pub fn elu(mut x: Tensor) -> Tensor {
    let each: i64 = x.size()[1..].iter().product();
    if each % STRIDE == 0 {
        return x.elu_();
    }
    x.clamp_min(0.0) + x.clamp_max(0.0).expm1()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    fn assert_steady(function: impl Fn(&Tensor) -> Tensor) {
        for width in [1, 7, 31, 32, 33, 100, 208] {
            let count = 5 * width;
            let x = (Tensor::arange(count, (Kind::Float, Device::Cpu)) * 0.37).sin() * 4.0;
            let x = x.view([5, width]);
            let gradient = |x: &Tensor| {
                let x = x.copy().set_requires_grad(true);
                let y = function(&(&x * 1.0));
                Tensor::cat(
                    &[y.detach(), Tensor::run_backward(&[y.sum(None)], &[&x], false, false).remove(0)],
                    1,
                )
            };
            let together = gradient(&x);
            for replicate in 0..5 {
                let alone = gradient(&x.narrow(0, replicate, 1));
                assert_eq!(alone, together.narrow(0, replicate, 1), "width {width}, replicate {replicate}");
            }
        }
    }

    #[test]
    fn a_value_does_not_depend_on_its_place() {
        assert_steady(sigmoid);
        assert_steady(|x| sigmoid_in_place(x.shallow_clone(), x.size()[0]));
        assert_steady(softplus);
        assert_steady(tanh);
        assert_steady(gelu);
        assert_steady(|x| elu(x.shallow_clone()));
    }

    #[test]
    fn they_are_what_they_are_called() {
        let x = Tensor::linspace(-90.0, 90.0, 1001, (Kind::Float, Device::Cpu)).unsqueeze(0);
        let pairs = [(sigmoid(&x), x.sigmoid()), (softplus(&x), x.softplus()), (elu(x.copy()), x.elu())];
        assert!(tanh(&x).allclose(&x.tanh(), 1e-6, 1e-6, false));
        assert!(gelu(&x).allclose(&x.gelu("tanh"), 1e-5, 1e-6, false));

        for (found, expected) in pairs {
            assert!(found.allclose(&expected, 1e-6, 1e-38, false));
        }
    }
}
