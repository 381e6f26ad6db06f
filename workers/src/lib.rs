//! Diptych's worker processes: attach, verify, claim, run a batch.
