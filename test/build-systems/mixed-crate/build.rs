//! Compiles native.cpp as the environment says, and makes an archive of it.
use std::env::var;
use std::process::Command;

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

fn main() {
    let out = var("OUT_DIR").unwrap();
    let (object, archive) = (format!("{out}/native.o"), format!("{out}/libnative.a"));
    let flags = var("CXXFLAGS").unwrap();
    run(Command::new(var("CXX").unwrap()).args(flags.split(' ')).args(["-fPIC", "-c", "native.cpp", "-o", &object]));
    run(Command::new(var("AR").unwrap()).args(["rcs", &archive, &object]));
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static=native");
}
