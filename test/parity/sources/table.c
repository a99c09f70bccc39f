#include "core.h"

const u32 primes[16] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53};

static u32 add(u32 a, u32 b) { return a + b; }
static u32 sub(u32 a, u32 b) { return a - b; }
static u32 fold(u32 a, u32 b) { return mix(a, b) ^ next_seed(); }
static u32 pick(u32 a, u32 b) {
  switch (a & 7) {
  case 0: return b;
  case 1: return twice(b);
  case 2: return a * b;
  case 3: return lookup(b & 15);
  case 4: return a ^ b;
  case 5: return a | (b << 3);
  default: return checksum(primes, 16);
  }
}

static const struct op ops[4] = {{"add", add}, {"sub", sub}, {"fold", fold}, {"pick", pick}};

u32 lookup(u32 i) { return primes[i & 15] + (i > 8 ? read_only_setting : 0); }
const struct op *find_op(u32 i) { return &ops[i & 3]; }

u32 apply_all(u32 a, u32 b) {
  for (u32 i = 0; i < 4; i++)
    a = ops[i].apply(a, b + i);
  return a;
}

u32 checksum(const u32 *data, u32 n) {
  u32 sum = 1;
  for (u32 i = 0; i < n; i++)
    sum = sum * 31 + data[i];
  return sum;
}

u32 unused_chain(u32 n) { return n ? unused_chain(n - 1) + twice(n) : 0; }
