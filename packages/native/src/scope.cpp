// Nothing: this library is there for what it depends on (CMakeLists.txt,
// early.cpp).
