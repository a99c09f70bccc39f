#include "core.h"

static u32 buffer[24];

static u32 fill(u32 from) {
  for (u32 i = 0; i < 24; i++)
    buffer[i] = mix(from + i, lookup(i & 15));
  return buffer[3];
}

int entry(void) {
  u32 v = fill(next_seed());
  v += checksum(buffer, 24) + twice(v) + read_only_setting;
  v ^= apply_all(v, hidden_counter);
  record(v);
  hidden_counter = hidden_step(v);
  const struct op *op = find_op(v & 3);
  v += op->apply(v, primes[v & 15]) + (u32)op->name[0];
  u32 copy[24];
  copy_words(copy, buffer, 24);
  return (int)(v + recurse(v & 7) + copy[v % 24]);
}

int main(void) { return entry(); }
