#include "shapes.h"

u32 constructed = next_seed();
static Square unit(1);
static Circle dot(2);

u32 Square::area() const { return a * a + shared_counter(); }

const Shape *make(u32 kind) {
  if (kind & 1)
    return &unit;
  return &dot;
}

u32 ring_of(u32 n) {
  Ring<u32, 8> ring{};
  for (u32 i = 0; i < n; i++)
    ring.push(mix(i, n));
  return ring.sum() + Ring<u32, 8>::pushes();
}
