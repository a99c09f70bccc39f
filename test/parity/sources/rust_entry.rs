#![no_std]
//! A Rust library beside C modules: each calls the other.

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

unsafe extern "C" {
    fn mix(a: u32, b: u32) -> u32;
    fn rust_helper(v: u32) -> u32;
}

trait Weigh {
    fn weigh(&self, by: u32) -> u32;
}

struct Light(u32);
struct Heavy(u32, u32);

impl Weigh for Light {
    fn weigh(&self, by: u32) -> u32 {
        self.0.wrapping_add(by)
    }
}

impl Weigh for Heavy {
    fn weigh(&self, by: u32) -> u32 {
        unsafe { mix(self.0, by).wrapping_mul(self.1) }
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn rust_sum(n: u32) -> u32 {
    let weighed: [&dyn Weigh; 2] = [&Light(n), &Heavy(n, 3)];
    let mut sum = 0u32;
    for (i, item) in weighed.iter().enumerate() {
        sum = sum.wrapping_add(item.weigh(i as u32));
    }
    sum ^ unsafe { rust_helper(sum) }
}
