//! HotSwap addon.
