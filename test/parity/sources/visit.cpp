#include "shapes.h"

extern "C" int entry() {
  const Shape *shapes[4];
  for (u32 i = 0; i < 4; i++)
    shapes[i] = make(i);
  Ring<u32, 8> ring{};
  ring.push(constructed);
  u32 v = total(shapes, 4) + ring_of(9) + ring.sum();
  v += apply_all(v, shared_counter());
  const struct op *op = find_op(v & 3);
  return (int)(op->apply(v, 1) + hidden_step(v));
}
