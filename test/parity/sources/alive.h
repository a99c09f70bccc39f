#pragma once
#include "core.h"
// A virtual destructor: for MSVC the deleting destructor in the vtable is a weak alias, in each module that needs it.

struct Alive {
  u32 id;
  explicit Alive(u32 id) : id(id) {}
  virtual ~Alive();
  virtual u32 name() const { return id; }
};

struct Named : Alive {
  using Alive::Alive;
  ~Named() override;
  u32 name() const override { return id * 3; }
};

Alive *make(u32 id);
