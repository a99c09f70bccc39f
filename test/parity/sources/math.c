#include "core.h"

u32 seed = 0x2545f491;
u32 written_only;
u32 read_only_setting = 40;
u32 hidden_counter = 7;

static u32 rotations;

static u32 rotate(u32 v, u32 by) {
  rotations += by;
  return (v << (by & 31)) | (v >> ((32 - by) & 31));
}

u32 mix(u32 a, u32 b) { return rotate(a ^ b, 5) * 2654435761u + rotations; }
u32 twice(u32 a) { return mix(a, a) + hidden_step(a); }

u32 next_seed(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

void record(u32 v) { written_only = v; }

u32 hidden_step(u32 v) { return v + hidden_counter * 3; }

u32 recurse(u32 n) { return n < 2 ? n : recurse(n - 1) + mix(recurse(n - 2), n); }

void copy_words(u32 *to, const u32 *from, u32 n) {
  for (u32 i = 0; i < n; i++)
    to[i] = from[i];
}
