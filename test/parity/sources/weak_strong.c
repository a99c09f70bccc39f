#include "core.h"
u32 weak_default(u32 v) { return v + 100; }
u32 common_block[8];
