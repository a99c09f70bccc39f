extern "C" unsigned twice(unsigned x);

namespace {
unsigned calls;
}

extern "C" unsigned four_times(unsigned x) {
  ++calls;
  return twice(twice(x));
}
