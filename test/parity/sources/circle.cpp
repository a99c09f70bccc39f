#include "shapes.h"

namespace {
u32 square(u32 v) { return v * v + shared_counter(); }
struct Hexagon : Shape {
  u32 area() const override { return square(6); }
  u32 edges() const override { return 6; }
};
const Hexagon hexagon;
} // namespace

u32 Circle::area() const { return 3 * square(r); }

u32 total(const Shape *const *shapes, u32 n) {
  u32 sum = hexagon.area();
  for (u32 i = 0; i < n; i++)
    sum += shapes[i]->area() * (shapes[i]->edges() + 1);
  return sum;
}
