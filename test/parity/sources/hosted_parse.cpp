#include "hosted.h"

namespace {
struct Heavy : Node {
  int weight() const override { return 2; }
};

std::unique_ptr<Node> parse_one(const char *&p) {
  std::unique_ptr<Node> node = *p >= 'c' ? std::make_unique<Heavy>() : std::make_unique<Node>();
  while (*p && *p != '(' && *p != ')')
    node->name += *p++;
  if (*p == '(') {
    ++p;
    while (*p && *p != ')')
      node->children.push_back(parse_one(p));
    if (*p)
      ++p;
  }
  return node;
}
} // namespace

std::unique_ptr<Node> parse(const char *text) { return parse_one(text); }
