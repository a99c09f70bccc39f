#include "core.h"
// Functions of equal code in one module and beside it: what identical code folding folds.
__attribute__((noinline)) u32 twin_a(u32 v) { return mix(v, 3) + twice(v); }
__attribute__((noinline)) u32 twin_b(u32 v) { return mix(v, 3) + twice(v); }
