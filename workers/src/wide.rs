//! The same code compiled for wider vectors, chosen when it runs. One of the few modules with `unsafe`.
//!
//! Width changes no bit: lanes are rows, nothing is reassociated, and Rust never fuses a multiplication with an
//! addition by itself.

#![expect(unsafe_code, reason = "calling code compiled for instructions that were looked for first")]

/// Runs `f`, compiled with the widest vectors that this processor has. `f` should be a closure whose hot loops are
/// inlined into it (`#[inline(always)]`): what it calls without inlining stays as it was compiled.
#[inline(always)]
pub fn wide<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
            // SAFETY: the processor has these features: they were just looked for.
            return unsafe { avx512(f) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { avx2(f) };
        }
    }
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx2")]
fn avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}
