#include "alive.h"

extern u32 destroyed;

extern "C" int entry() {
  u32 sum = 0;
  for (u32 i = 1; i < 6; i++) {
    Alive *one = make(i);
    sum += one->name();
    delete one;
    Named here(i);
    sum += here.name();
  }
  return (int)(sum + destroyed);
}
