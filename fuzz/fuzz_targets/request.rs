#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| synthcap::fuzzing::request(bytes));
