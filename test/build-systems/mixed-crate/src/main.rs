//! Rust calls C++, which calls Rust.
mod words;

extern "C" {
    fn four_times(x: u32) -> u32;
}

#[no_mangle]
pub extern "C" fn twice(x: u32) -> u32 {
    x * 2
}

fn main() {
    let letters = std::env::args().skip(1).map(|word| words::letters(&word)).sum();
    println!("{}", unsafe { four_times(letters) });
}
