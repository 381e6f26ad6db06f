//! The floating-point mode: round to nearest, denormals kept, whatever the parent process left behind.

/// Sets this thread's floating-point mode to the IEEE default that all results assume.
#[expect(unsafe_code, reason = "the control registers have no safe accessor")]
pub fn set() {
    #[cfg(target_arch = "x86_64")]
    {
        let default: u32 = 0x1f80;
        // SAFETY: loads MXCSR with its power-on value: all exceptions masked, to nearest, no flush to zero.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &default, options(nostack, readonly)) };
    }
    #[cfg(target_arch = "aarch64")]
    {
        // SAFETY: FPCR 0 is the architectural default: to nearest, no flush to zero, no traps.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) 0u64, options(nostack, nomem)) };
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn denormals_survive() {
        super::set();
        let tiny = std::hint::black_box(f32::MIN_POSITIVE);
        assert!(tiny / 4.0 > 0.0);
    }
}
