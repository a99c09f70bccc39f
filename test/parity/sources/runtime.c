// Compiled to machine code: what code generation may call and no C library is there to define.
typedef __SIZE_TYPE__ size;
#if defined(__MINGW32__)
void __main(void) {}
#endif
#if defined(_WIN32)
int _fltused = 1;
void _purecall(void) {}
// Control flow guard: as the C library would fill them in.
void *__guard_check_icall_fptr;
void *__guard_dispatch_icall_fptr;
#endif
static unsigned runtime_calls;
void __cxa_pure_virtual(void) { runtime_calls++; }
int __cxa_atexit(void (*f)(void *), void *p, void *d) { (void)f; (void)p; (void)d; return 0; }

void *memcpy(void *to, const void *from, size n) {
  char *t = to;
  const char *f = from;
  while (n--)
    *t++ = *f++;
  return to;
}

void *memset(void *to, int value, size n) {
  char *t = to;
  while (n--)
    *t++ = (char)value;
  return to;
}

void *memmove(void *to, const void *from, size n) { return memcpy(to, from, n); }
