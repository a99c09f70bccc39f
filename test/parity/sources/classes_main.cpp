#include "classes.h"
extern "C" int entry() {
  u32 v = use_unique(unique_object());
  for (u32 i = 0; i < 4; i++)
    v += use_many(many_object(i), v) + call_back(pick_callback(i & 1), v);
  ManyB *b = static_cast<ManyB *>(many_object(1));
  return (int)(v + b->level() + many_object(2)->level());
}
