#include "core.h"

extern __thread u32 tls_counter;
extern u32 weak_default(u32 v);
extern u32 alias_of_target(u32 v);
extern u32 weak_alias(u32 v);
extern u32 chosen(u32 v);
extern u32 common_block[8];
extern u32 protected_value;
extern u32 asm_symbol __attribute__((visibility("hidden")));
extern u32 never_defined(u32 v) __attribute__((weak));
extern u32 __start_parity_set[], __stop_parity_set[];

int elf_entry(void) {
  u32 v = weak_default(tls_counter++) + alias_of_target(2) + weak_alias(3) + chosen(4);
  for (u32 *p = __start_parity_set; p != __stop_parity_set; p++)
    v += *p;
  if (never_defined)
    v += never_defined(v);
  return (int)(v + common_block[1] + protected_value + asm_symbol);
}
