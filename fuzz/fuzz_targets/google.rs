#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| calhub_fuzz::google(data));
