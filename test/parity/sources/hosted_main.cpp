#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include "hosted.h"

thread_local int depth;

static std::string describe(const Node &node) {
  ++depth;
  std::string text = node.name + "(";
  for (const auto &child : node.children)
    text += describe(*child);
  return text + ")" + std::to_string(depth);
}

int main(int argc, char **argv) {
  auto root = parse(argc > 1 ? argv[1] : "a(b(c)d)");
  std::map<std::string, int> counts;
  try {
    count(*root, counts);
  } catch (const std::exception &e) {
    std::puts(e.what());
  }
  for (const auto &[name, n] : counts)
    std::printf("%s %d\n", name.c_str(), n);
  std::puts(describe(*root).c_str());
}
