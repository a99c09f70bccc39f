// A program that runs without a C library: prints the value of entry() in hexadecimal and ends with code 0.
extern int entry(void);

static void put(const char *text, unsigned length);
static void leave(void) __attribute__((noreturn));

static void run(void) {
  char text[9];
  unsigned value = (unsigned)entry();
  for (unsigned i = 0; i < 8; i++)
    text[i] = "0123456789abcdef"[value >> (28 - 4 * i) & 15];
  text[8] = '\n';
  put(text, 9);
  leave();
}

#if defined(_WIN32)
__declspec(dllimport) void *__stdcall GetStdHandle(unsigned which);
__declspec(dllimport) int __stdcall WriteFile(void *file, const void *from, unsigned n, unsigned *done, void *overlapped);
__declspec(dllimport) void __stdcall ExitProcess(unsigned code);

static void put(const char *text, unsigned length) {
  unsigned done;
  WriteFile(GetStdHandle(-11), text, length, &done, 0);
}
static void leave(void) {
  ExitProcess(0);
  __builtin_unreachable();
}
void begin(void) { run(); }
#else
#if defined(__x86_64__)
enum { WRITE = 1, EXIT = 60 };
static long call(long number, long a, long b, long c) {
  __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
  return number;
}
#define ALIGN_STACK "and $-16, %rsp\ncall begin"
#elif defined(__aarch64__)
enum { WRITE = 64, EXIT = 93 };
static long call(long number, long a, long b, long c) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#define ALIGN_STACK "b begin"
#elif defined(__riscv)
enum { WRITE = 64, EXIT = 93 };
static long call(long number, long a, long b, long c) {
  register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
  return a0;
}
#define ALIGN_STACK ".option push\n.option norelax\nla gp, __global_pointer$\n.option pop\ntail begin"
#endif

static void put(const char *text, unsigned length) { call(WRITE, 1, (long)text, length); }
static void leave(void) {
  call(EXIT, 0, 0, 0);
  __builtin_unreachable();
}
void begin(void) { run(); }
__attribute__((naked, noreturn)) void _start(void) { __asm__(ALIGN_STACK); }
#endif
