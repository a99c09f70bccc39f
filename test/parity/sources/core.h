#pragma once
// A small program without a C library: every construct that the thin link treats specially, in a few modules.
typedef unsigned int u32;

#if defined(_WIN32)
#define WEAK __attribute__((selectany))
#define HIDDEN
#else
#define WEAK __attribute__((weak))
#define HIDDEN __attribute__((visibility("hidden")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct op {
  const char *name;
  u32 (*apply)(u32, u32);
};

// What a case says about `mix` on Windows: exported, or imported.
#ifndef MIX_LINKAGE
#define MIX_LINKAGE
#endif
MIX_LINKAGE u32 mix(u32 a, u32 b);
u32 twice(u32 a);
u32 next_seed(void);
u32 lookup(u32 i);
u32 checksum(const u32 *data, u32 n);
void record(u32 v);
const struct op *find_op(u32 i);
u32 apply_all(u32 a, u32 b);
u32 recurse(u32 n);
u32 unused_chain(u32 n);
void copy_words(u32 *to, const u32 *from, u32 n);

extern u32 seed;
extern u32 written_only;
extern const u32 primes[16];
extern u32 read_only_setting;
extern HIDDEN u32 hidden_counter;
HIDDEN u32 hidden_step(u32 v);

#ifdef __cplusplus
}
#endif
