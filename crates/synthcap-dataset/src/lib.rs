//! Data set writers.
