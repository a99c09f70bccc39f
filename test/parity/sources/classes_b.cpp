#include "classes.h"
u32 ManyB::pick(u32 v) { return mix(v, 2); }
u32 Leaf::pick(u32 v) { return mix(v, 3); }
u32 use_unique(Unique *u) { return u->only(5) + u->constant(); }
u32 use_many(Many *m, u32 v) { return m->pick(v) + m->level() + (m->flag() ? 100 : 7); }
u32 call_back(callback f, u32 v) { return f(v); }
