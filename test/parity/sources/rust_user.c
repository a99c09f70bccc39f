#include "core.h"
extern u32 rust_sum(u32 n);
u32 rust_helper(u32 v) { return twice(v) + 1; }
int entry(void) { return (int)(rust_sum(next_seed()) + lookup(3)); }
