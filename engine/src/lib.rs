//! Diptych: the engine.
