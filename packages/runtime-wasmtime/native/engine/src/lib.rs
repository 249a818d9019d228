//! HotSwap engine.
