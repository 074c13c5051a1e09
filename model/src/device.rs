//! Where tensors live, and with how many threads.
//!
//! The linker drops `libtorch_cuda.so` from a binary that names none of its symbols, and a binary that
//! does name them starts on no machine without a GPU. So it is loaded when it is asked for, before the
//! first tensor. Where that fails, `LD_PRELOAD=/path/to/libtorch_cuda.so` does the same from outside.

use std::sync::OnceLock;

use tch::Tensor;

use crate::Error;

/// A place to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// The first GPU of NVIDIA's.
    Cuda,
}

impl Device {
    /// The name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Device::Cpu => "cpu",
            Device::Cuda => "cuda",
        }
    }

    /// Makes the device usable, and gives its name in libtorch.
    ///
    /// # Errors
    /// [`Error::NoCuda`] where there is no GPU, no driver, or a libtorch without CUDA.
    pub(crate) fn open(self) -> Result<tch::Device, Error> {
        match self {
            Device::Cpu => Ok(tch::Device::Cpu),
            Device::Cuda => {
                load_cuda()?;
                if tch::Cuda::is_available() {
                    Ok(tch::Device::Cuda(0))
                } else {
                    Err(Error::NoCuda {
                        reason: "libtorch_cuda.so is loaded, but sees no GPU or no driver; \
                                 `nvidia-smi` must list one"
                            .to_owned(),
                    })
                }
            }
        }
    }
}

/// Loads `libtorch_cuda.so` once, with its symbols visible to libtorch.
fn load_cuda() -> Result<(), Error> {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    OUTCOME
        .get_or_init(|| {
            // without asking first whether there is a GPU: libtorch remembers the answer from before
            use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
            // SAFETY: the library's initialisers register kernels with libtorch, which is loaded and of
            // the same build, or the loader fails to resolve its symbols and says so. It is never closed.
            let library = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
            match library {
                Ok(library) => {
                    std::mem::forget(library);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            }
        })
        .clone()
        .map_err(|reason| Error::NoCuda {
            reason: format!(
                "{reason}; put the libtorch 2.11.0 with CUDA on LD_LIBRARY_PATH, or use --device cpu"
            ),
        })
}

/// The number type in which a network that is used, and not trained, multiplies: 16 bits where the device does that
/// in hardware. It was trained so, and a beam takes half of the time. Asked of the device and not timed, so that one
/// machine always gives the same answers.
pub(crate) fn fast_kind(device: Device) -> tch::Kind {
    #[cfg(target_arch = "x86_64")]
    let in_hardware = std::arch::is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let in_hardware = false;
    match device {
        Device::Cpu if !in_hardware => tch::Kind::Float,
        Device::Cpu | Device::Cuda => tch::Kind::BFloat16,
    }
}

/// A tensor of the host on `device`. To a GPU by way of memory that is pinned, so that the copy waits in line with the
/// work that was handed out before, and this thread does not.
pub(crate) fn send(tensor: &Tensor, device: tch::Device) -> Tensor {
    if device.is_cuda() && tensor.device() == tch::Device::Cpu {
        let pinned = tensor.pin_memory(device);
        pinned.to_device_(device, tensor.kind(), true, false)
    } else {
        tensor.to_device(device)
    }
}

/// Cores of this machine, as far as this program may use them.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Sets the threads of the matrix products; 0: one a core.
pub(crate) fn set_threads(threads: usize) {
    let threads = if threads == 0 { cores() } else { threads };
    tch::set_num_threads(i32::try_from(threads).unwrap_or(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_gpu_is_an_error_that_says_what_to_do() {
        match Device::Cuda.open() {
            Ok(device) => assert_eq!(device, tch::Device::Cuda(0)),
            Err(Error::NoCuda { reason }) => {
                assert!(reason.contains("--device cpu") || reason.contains("nvidia-smi"));
            }
            Err(other) => panic!("another error: {other}"),
        }
        assert!(matches!(Device::Cpu.open(), Ok(tch::Device::Cpu)));
    }
}
