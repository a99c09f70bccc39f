#include "core.h"
// What only ELF knows, in one module; elf_user.c refers to it.

__thread u32 tls_counter = 5;
static __thread u32 tls_local;
WEAK u32 weak_default(u32 v) { return v + 1; }
u32 real_target(u32 v) { return v * 3 + tls_local++; }
extern u32 alias_of_target(u32 v) __attribute__((alias("real_target")));
extern u32 weak_alias(u32 v) __attribute__((weak, alias("real_target")));
__attribute__((section("parity_set"), used, retain)) static u32 entry_a = 1;
__attribute__((section("parity_set"), used, retain)) static u32 entry_b = 2;
u32 common_block[8];
__attribute__((visibility("protected"))) u32 protected_value = 9;
__attribute__((constructor(200))) static void early(void) { common_block[1] = 4; }
__attribute__((constructor)) static void late(void) { common_block[2] += protected_value; }
__attribute__((destructor)) static void gone(void) { common_block[3] = 0; }
__asm__(".globl asm_symbol\n.hidden asm_symbol\n.data\n.balign 4\nasm_symbol:\n.long 42\n.text");

#ifdef WITH_IFUNC
static u32 plain_impl(u32 v) { return v ^ 1; }
static u32 (*choose(void))(u32) { return plain_impl; }
u32 chosen(u32 v) __attribute__((ifunc("choose")));
#else
u32 chosen(u32 v) { return v ^ 1; }
#endif
