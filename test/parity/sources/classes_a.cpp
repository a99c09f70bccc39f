#include "classes.h"
u32 Unique::only(u32 v) { return mix(v, 11); }
u32 Unique::constant() const { return 42; }
u32 ManyA::pick(u32 v) { return v + 1; }
static Unique unique;
static ManyA a;
static ManyB b;
static Leaf leaf;
Unique *unique_object() { return &unique; }
Many *many_object(u32 i) {
  if (i % 3 == 0)
    return &a;
  if (i % 3 == 1)
    return &b;
  return &leaf;
}
static u32 local_callback(u32 v) { return v ^ 0x55; }
callback pick_callback(u32 i) { return i ? local_callback : twice; }
