#pragma once
#include "core.h"
// For whole-program devirtualisation and CFI: hidden classes, one implementation here, several there, constants.

struct Unique {
  virtual u32 only(u32 v);
  virtual u32 constant() const;
};

struct Many {
  virtual u32 pick(u32 v) = 0;
  virtual u32 level() const = 0;
  virtual bool flag() const { return false; }
};

struct ManyA : Many {
  u32 pick(u32 v) override;
  u32 level() const override { return 1; }
};

struct ManyB : Many {
  u32 pick(u32 v) override;
  u32 level() const override { return 2; }
  bool flag() const override { return true; }
};

struct Leaf : ManyB {
  u32 pick(u32 v) override;
};

Unique *unique_object();
Many *many_object(u32 i);
u32 use_unique(Unique *u);
u32 use_many(Many *m, u32 v);
typedef u32 (*callback)(u32);
callback pick_callback(u32 i);
u32 call_back(callback f, u32 v);
