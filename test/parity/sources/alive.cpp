#include "alive.h"

static char memory[256];
static u32 used;
u32 destroyed;

void *operator new(decltype(sizeof(0)) size) { used += (u32)size; return memory + used % 128; }
void operator delete(void *) noexcept { destroyed++; }
void operator delete(void *, decltype(sizeof(0))) noexcept { destroyed++; }
void *operator new[](decltype(sizeof(0)) size) { used += (u32)size; return memory + used % 128; }
void operator delete[](void *) noexcept { destroyed++; }
void operator delete[](void *, decltype(sizeof(0))) noexcept { destroyed++; }

Alive::~Alive() { destroyed += id; }
Named::~Named() { destroyed ^= id; }
Alive *make(u32 id) { return id & 1 ? new Named(id) : new Alive(id); }
